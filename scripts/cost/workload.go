package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

//go:embed calls.json
var callsJSON []byte

// calls are those to AWS that each operation makes, as counted.
var calls = func() (counted map[string]map[string]float64) {
	if err := json.Unmarshal(callsJSON, &counted); err != nil {
		panic(fmt.Errorf("calls.json: %w", err)) // it is part of the program
	}
	return counted
}()

// What is assumed, since nothing here can count it.
const (
	quickSeconds    = 0.010 // a run of router, dispatcher or authorizer, once warm
	smallMemoryGB   = 0.25  // of those functions
	logBytesPerRun  = 800   // Lambda's own lines, ours and the metrics
	pingsPerHour    = 15    // the clients' interval is 4 minutes
	pollsPerMinute  = 15    // five pollers of a mapping, each waiting 20 s
	metricsPerStage = 40    // our own, with three actions
	alarmsPerStage  = 4
	pulseSeconds    = contract.DefaultPulseMS / 1000.0
	renewalSeconds  = contract.DefaultVisibilityMS / 1000.0 / 2
	hoursPerMonth   = 730
)

var assumptions = []string{
	fmt.Sprintf("Runs of router, dispatcher, authorizer and reconciler take %.0f ms on %.0f MB; cold starts are left out.", quickSeconds*1000, smallMemoryGB*1024),
	"Each request is dispatched by itself; under load up to 100 share a run and a send.",
	fmt.Sprintf("A run writes %d bytes of logs, metrics included.", logBytesPerRun),
	fmt.Sprintf("Progress is stored every %.0f s, a message's visibility renewed every %.0f s.", pulseSeconds, renewalSeconds),
	fmt.Sprintf("A queue's mapping polls with five long polls at once: %d requests a minute.", pollsPerMinute),
	fmt.Sprintf("%d metrics of our own are seen in a month, and %d alarms and one dashboard stand.", metricsPerStage, alarmsPerStage),
	"Rows of requests stay under 1 KB, but for their results. Storage and data transfer are left out.",
}

// workload is what a request is like.
type workload struct {
	duration         time.Duration
	frames, watchers int
	payload, result  int // bytes
	memoryMB         int
	queues           int
}

// kind is the operation of calls.json that the workload is.
func (w workload) kind() string {
	switch {
	case w.payload > protocol.MaxInline || w.result > protocol.MaxInline:
		return "async, payload and result in S3"
	case w.payload > 200: // what the router keeps in the row
		return "async, payload beside the row"
	default:
		return "async"
	}
}

// request is what one costs, from its message to its terminal frame.
func (w workload) request() bill {
	var b bill
	c := calls[w.kind()]
	seconds := w.duration.Seconds()
	pulses := math.Floor(seconds / pulseSeconds)
	renewals := math.Floor(seconds / renewalSeconds)

	b.add(apiMessage, steps(w.payload, 32<<10)+1, "the client's message and accepted")
	b.add(apiMessage, float64(w.frames*w.watchers), "progress")
	b.add(apiMessage, float64(w.watchers)*steps(w.result, 32<<10), "the terminal frame")
	b.run("router", quickSeconds, smallMemoryGB)
	b.run("dispatcher", quickSeconds, smallMemoryGB)
	b.run("processor", seconds, float64(w.memoryMB)/1024)

	row := lifecycle.Accept(lifecycle.Submission{}, time.Now())
	b.add(dynamoWrite, 1+float64(len(indexesOf(row))), "acceptance, with its indexes")
	if c["dynamodb.PutItem"] > 1 {
		b.add(dynamoWrite, steps(w.payload, 1<<10), "the payload beside the row")
		b.add(dynamoRead, steps(w.payload, 4<<10), "reading it")
	}
	b.add(dynamoWrite, units(lifecycle.Claim("", "", time.Now(), 0)), "claim, with its indexes")
	b.add(dynamoWrite, pulses*units(lifecycle.Pulse(1, lifecycle.State{}, time.Now(), 0, nil)), "pulses")
	inRow := w.result
	if c["s3.PutObject"] > 0 {
		inRow = 0
	}
	b.add(dynamoWrite, units(lifecycle.Complete(1, lifecycle.Outcome{}, 1, time.Now()))+steps(700+inRow, 1<<10)-1, "outcome, with its indexes")

	b.add(sqsRequest, c["sqs.SendMessageBatch"], "hint")
	b.add(sqsRequest, 2, "its receipt and deletion, by the mapping")
	b.add(sqsRequest, c["sqs.ChangeMessageVisibility"]+renewals, "holding it")
	b.add(s3Put, c["s3.PutObject"], "payload and result")
	b.add(s3Get, c["s3.GetObject"], "payload")
	b.add(logGB, 3*logBytesPerRun/1e9, "three runs")
	return b
}

// frame is what one progress frame costs on its way to one watcher.
func (w workload) frame() bill {
	var b bill
	b.add(apiMessage, 1, "one watcher")
	return b
}

func syncRequest() bill {
	var b bill
	b.add(apiMessage, 2, "message and response")
	b.run("router", quickSeconds, smallMemoryGB)
	b.writes(calls["echo"])
	b.add(logGB, logBytesPerRun/1e9, "one run")
	return b
}

func connect() bill {
	var b bill
	b.run("authorizer", quickSeconds, smallMemoryGB)
	b.run("router, $connect", quickSeconds, smallMemoryGB)
	b.run("router, $disconnect", quickSeconds, smallMemoryGB)
	b.writes(calls["connect"])
	b.writes(calls["disconnect"])
	b.add(logGB, 3*logBytesPerRun/1e9, "three runs")
	return b
}

func connectionHour() bill {
	var b bill
	b.add(apiMinute, 60, "")
	b.add(apiMessage, 2*pingsPerHour, "pings and pongs")
	b.add(lambdaRequest, pingsPerHour, "router")
	b.add(lambdaGBSecond, pingsPerHour*quickSeconds*smallMemoryGB, "router")
	b.writes(calls["ping"])
	b.add(logGB, pingsPerHour*logBytesPerRun/1e9, "runs")
	return b
}

// idle is what a month costs in which nothing happens.
func (w workload) idle() bill {
	b := bill{title: "a month in which nothing happens"}
	const reconciles = hoursPerMonth * 12
	b.add(sqsRequest, float64(w.queues)*pollsPerMinute*60*hoursPerMonth, "polling of the work queues")
	b.add(lambdaRequest, reconciles, "reconciler")
	b.add(lambdaGBSecond, reconciles*quickSeconds*smallMemoryGB, "reconciler")
	b.add(dynamoRead, reconciles*contract.OpenShards*0.5, "its queries")
	b.add(logGB, reconciles*logBytesPerRun/1e9, "its logs")
	b.add(metric, metricsPerStage, "if something does happen")
	b.add(alarm, alarmsPerStage, "")
	b.add(dashboard, 1, "")
	return b
}

// run is one invocation of a function.
func (b *bill) run(function string, seconds, memoryGB float64) {
	b.add(lambdaRequest, 1, function)
	b.add(lambdaGBSecond, seconds*memoryGB, function)
}

// writes are those to the connections table: an item under 1 KB and its index.
func (b *bill) writes(counted map[string]float64) {
	n := counted["dynamodb.PutItem"] + counted["dynamodb.DeleteItem"] + counted["dynamodb.UpdateItem"]
	b.add(dynamoWrite, 2*n, "connections table, with its index")
}

// steps is how many units of a size something is metered as: at least one.
func steps(size, unit int) float64 { return max(1, math.Ceil(float64(size)/float64(unit))) }

// indexesOf lists the indexes of the requests table that a row stands in.
func indexesOf(row lifecycle.Row) []string {
	keys := map[string]string{contract.IndexByTenant: row.TenantDay, contract.IndexByUser: row.UserKey, contract.IndexOpen: row.OpenShard}
	maps.DeleteFunc(keys, func(_, key string) bool { return key == "" })
	return slices.Sorted(maps.Keys(keys))
}

// units are the write units of a transition of a row under 1 KB: one for the row, one for
// the index by tenant if it projects what changes, one to leave the index of open ones.
func units(u lifecycle.Update) float64 {
	n := 1.0
	changes := slices.Collect(maps.Keys(u.Set))
	changes = slices.AppendSeq(changes, maps.Keys(u.Once))
	changes = slices.AppendSeq(changes, maps.Keys(u.Add))
	changes = append(changes, u.Remove...)
	if slices.ContainsFunc(changes, func(f lifecycle.Field) bool { return slices.Contains(contract.ByTenantAttributes, string(f)) }) {
		n++
	}
	if slices.Contains(u.Remove, contract.OpenShard) {
		n++
	}
	return n
}
