package outside

import (
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/pay-theory/streamer/functions/serve/process"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/queue"
)

var queues Client[sqs.Client]

// WorkQueue is that of all actions that no worker names, or of the processor's own worker.
func WorkQueue() queue.Work {
	client := queues.Get(func() *sqs.Client { return sqs.NewFromConfig(Config()) })
	return queue.Work{Client: client, URL: process.Need(contract.EnvWorkQueueURL)}
}

// Workers reads contract.EnvWorkers.
func Workers() queue.Workers {
	w, err := queue.ParseWorkers(os.Getenv(contract.EnvWorkers))
	if err != nil {
		process.Fatal(fmt.Errorf("environment variable %s: %w", contract.EnvWorkers, err))
	}
	return w
}

// Hints is where hints are sent to.
func Hints() queue.Sender {
	queues := Workers().Queues(WorkQueue())
	if t := Tracer(); t != nil {
		return queue.Traced{Sender: queues, Tracer: t}
	}
	return queues
}
