package main

import (
	"fmt"
	"io"
	"math"

	"github.com/pay-theory/streamer/internal/cost"
	"github.com/pay-theory/streamer/internal/price"
)

const hoursPerMonth = 730

// page writes all of it as Markdown.
func page(s size, out io.Writer) {
	p := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	p("# Capacity: %s connections, %s requests a second", number(float64(s.connections)), number(s.rate))
	p("")
	p("Computed by `go run ./scripts/capacity`, from the calls that the integration tests count, the write")
	p("units that each transition makes, and AWS's default quotas; nothing here was measured on an account.")
	p("Other sizes: its `-connections`, `-rate`, `-share`. The largest tenant makes %s of the requests here.", percent(s.share))
	p("What was assumed is at the end. Each table begins with what breaks first.")
	p("")
	p("Connections alone cost little: each pings every %d minutes and is renewed after two hours, which is", int(60/cost.PingsPerHour))
	p("%s pings and %s connects a second for all. They all come back at once after an outage: at %d a second,", number(float64(s.connections)*pingsEach), number(float64(s.connections)*connectsEach), accountConnects)
	p("in %s s, over which the SDKs' back-off spreads them.", number(math.Ceil(float64(s.connections)/accountConnects)))

	for _, sh := range shapes {
		table(sh, s, p)
	}
	ramps(s, p)
	costs(s, p)
	p("")
	p("## Assumed")
	p("")
	for _, a := range []string{
		fmt.Sprintf("A run of router, authorizer or dispatcher takes %.0f ms, and so does a call that sends hints.", cost.QuickSeconds*1000),
		"One connection watches each request; a second one doubles the frames that are posted.",
		"A partition of a table takes 1,000 write units a second, and one key is never spread over two: keys of an index by time are written at one end.",
		"A new table has four partitions, and its stream a shard for each, of which the dispatcher reads one batch at a time.",
		fmt.Sprintf("A lane takes %d records a run, in %d calls.", dispatchBatch, dispatchBatch/sendBatch),
		"Handlers call nothing that has a limit of its own.",
	} {
		p("- %s", a)
	}
	p("")
	p("The pages: [API Gateway](https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html) and its")
	p("[WebSocket APIs](https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html),")
	p("[Lambda](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), how its")
	p("[functions](https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html) and")
	p("[queue mappings](https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html) scale,")
	p("[SQS](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html),")
	p("[DynamoDB](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html), its")
	p("[partitions](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html) and")
	p("[warm throughput](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html).")
}

// table prints the limits of a shape, what breaks first on top.
func table(sh shape, s size, p func(string, ...any)) {
	p("")
	p("## %s a second: %s", number(s.rate), sh.name)
	p("")
	p("| what | needed | by default | used | breaks at | what moves it |")
	p("|---|---|---|---|---|---|")
	for _, l := range sh.limits(s) {
		breaks := fmt.Sprintf("%s connections", number(math.Round(float64(s.connections)/l.used(s))))
		if rate, byRate := l.breaksAt(s); byRate {
			breaks = number(math.Round(rate)) + " a second"
		}
		p("| %s | %s | %s | %s | %s | %s |", l.what, number(l.need.of(s)), number(l.has), percent(l.used(s)), breaks, l.setting)
	}
}

// ramps tells what happens when all of the requests begin to come in one moment.
func ramps(s size, p func(string, ...any)) {
	p("")
	p("## The ramp")
	p("")
	p("Workers come more slowly than requests. A function's environments come by %s in %.0f s, a queue's mapping", number(functionRamp), functionRampTime.Seconds())
	p("begins with %d runs and adds %.0f a minute up to %s; in provisioned mode, which excludes", mappingFirst, mappingRamp, number(mappingMost))
	p("`MaxConcurrency` and has a price, it adds %s a minute up to %s. If %s requests a second come", number(provisionedRamp), number(provisionedMost), number(s.rate))
	p("all of a sudden, so many wait at most until all workers are there, and those that came afterwards wait no longer:")
	p("")
	p("| | runs at once | queues | minutes | waiting | provisioned, one queue: minutes | waiting |")
	p("|---|---|---|---|---|---|---|")
	for _, sh := range shapes {
		if sh.sync {
			continue
		}
		runs := s.rate * sh.running()
		queues := int(math.Ceil(runs / mappingMost))
		minutes, waiting := ramp(s.rate, sh.running(), mappingRamp, queues)
		minutesP, waitingP := ramp(s.rate, sh.running(), provisionedRamp, 1)
		p("| %s | %s | %d | %.1f | %s | %.1f | %s |", sh.name, number(runs), queues, minutes, number(math.Round(waiting)), minutesP, number(math.Round(waitingP)))
	}
	p("")
	p("What waits is worked off only as fast as there is room beside the new: leave some in `MaxConcurrency`, and in")
	p("the account's runs. A request that waits is safe, and its client was told that it is accepted.")
}

// costs prints what all of it costs at an even rate.
func costs(s size, p func(string, ...any)) {
	p("")
	p("## Cost")
	p("")
	p("At list prices of %s, without free tiers; `make cost` has each line.", price.Region)
	p("")
	p("| | $ an hour | $ a month |")
	p("|---|---|---|")
	line := func(what string, hour float64) {
		p("| %s | %s | %s |", what, number(math.Round(hour*100)/100), number(math.Round(hour*hoursPerMonth)))
	}
	w := cost.Workload{Rate: s.rate}
	open := float64(s.connections)
	line(number(open)+" connections, with their pings and their renewal", open*(w.ConnectionHour().Total()+3600*connectsEach*w.Connect().Total()))
	for _, sh := range shapes {
		sh.Rate = s.rate
		bill := sh.Request()
		if sh.sync {
			bill = sh.SyncRequest()
		}
		line(number(s.rate)+" a second of "+sh.name, 3600*s.rate*bill.Total())
	}
}

// number writes one with two digits behind the point if it is small, and commas if it is large.
func number(n float64) string {
	if n < 100 && n != math.Trunc(n) {
		return fmt.Sprintf("%.2f", n)
	}
	digits := fmt.Sprintf("%.0f", n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func percent(share float64) string {
	if share < 0.01 {
		return "under 1 %"
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}
