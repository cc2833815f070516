// Command processor is Streamer's processor function with the sample actions.
package main

import (
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/functions/handlers/report"
	"github.com/pay-theory/streamer/functions/serve"
)

func main() {
	serve.Processor(
		handlers.EchoAsync.Bind(handlers.EchoAsyncHandler),
		handlers.Count.Bind(handlers.CountHandler),
		handlers.HandOver.Bind(handlers.HandOverHandler),
		handlers.GenerateReport.Bind(report.ReportHandler{History: serve.History()}.Handle),
	)
}
