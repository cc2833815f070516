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
	logMonths       = 1     // that they are kept
	frameBytes      = 250   // a frame without its result
	rowBytes        = 1500  // a request's row once it has ended, with its copies in indexes, without its result
	pingsPerHour    = 15    // the clients' interval is 4 minutes
	pollsPerMinute  = 15    // five pollers of a mapping, each waiting 20 s
	codesSeen       = 3     // of those that a metric is also written by
	connectionBytes = 350   // an open connection's item
	dashboards      = 2     // an overview and a detail
	// steadyMetrics are those that the reconciler tells in each of its runs.
	steadyMetrics     = 2
	pulseSeconds      = contract.DefaultPulseMS / 1000.0
	renewalSeconds    = contract.DefaultVisibilityMS / 1000.0 / 2
	hoursPerMonth     = 730
	reconcilesPerHour = 12
	daysPerMonth      = hoursPerMonth / 24.0
	fileDays          = 30 // StreamerProps.FileRetentionDays
	// alarmMetrics are those that the alarms watch, each with a price of its own: three, and
	// the errors of five functions. Each queue more is a worker's, whose errors are watched too.
	alarmMetrics = 3 + 5
	// keyUses is how many pairs there are of a function and an encrypted thing that it uses:
	// requests table, connections table, queue and bucket; and those of each worker's
	// processor and queue. The key is asked for once in keyMinutes at most for each ("Table
	// key caching" of DynamoDB, "data key reuse period" of SQS, "Bucket Keys" of S3).
	keyUses       = 4 + 2 + 3 + 2
	keyUsesWorker = 4 + 2
	keyMinutes    = 5
)

var assumptions = []string{
	fmt.Sprintf("Runs of router, dispatcher, authorizer and reconciler take %.0f ms on %.0f MB; cold starts are left out.", quickSeconds*1000, smallMemoryGB*1024),
	"Each request is dispatched by itself; under load up to 100 share a run and a send.",
	fmt.Sprintf("A run writes %d bytes of logs, metrics included, kept for a month.", logBytesPerRun),
	fmt.Sprintf("Progress is stored every %.0f s, a message's visibility renewed every %.0f s.", pulseSeconds, renewalSeconds),
	fmt.Sprintf("A queue's mapping polls with five long polls at once: %d requests a minute.", pollsPerMinute),
	fmt.Sprintf("The alarms watch %d metrics and one more for each worker; each of our own is seen in a month of use, for each of -actions and for %d codes: so it is the most.", alarmMetrics, codesSeen),
	"Every five minutes the reconciler counts the connections, and looks for open requests.",
	fmt.Sprintf("A row has under 1 KB while it is worked on, %d bytes with its indexes at the end, for %.0f days; files stay %d days.", rowBytes, lifecycle.Retention.Hours()/24, fileDays),
	fmt.Sprintf("A frame has %d bytes, and its result; a handler's own calls and traffic are left out.", frameBytes),
	"Of each function's runs X-Ray records one a second and 5 % of the others, which depends on -rate.",
	"No call is a transaction, which would cost twice: rows change by conditional writes.",
	fmt.Sprintf("With a key of one's own (-key), each function asks for that of each thing it uses every %d minutes at most.", keyMinutes),
}

// workload is what a request is like.
type workload struct {
	duration         time.Duration
	frames, watchers int
	payload, result  int // bytes
	memoryMB         int
	queues, actions  int
	rate             float64 // requests a second
	key              bool    // StreamerProps.EncryptionKey
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
	b.add(trace, 3*w.traced(), "three runs")

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
	b.logs(3)
	b.add(dynamoGBMonth, float64(rowBytes+inRow)/1e9*lifecycle.Retention.Hours()/24/daysPerMonth, "its row, until it expires")
	b.add(s3GBMonth, float64(w.payload*int(c["s3.GetObject"])+w.result-inRow)/1e9*fileDays/daysPerMonth, "its files, until they expire")
	b.add(outGB, float64(frameBytes*(1+(w.frames+1)*w.watchers)+w.result*w.watchers)/1e9, "its frames, or its file")
	return b
}

// frame is what one progress frame costs on its way to one watcher.
func (w workload) frame() bill {
	var b bill
	b.add(apiMessage, 1, "one watcher")
	b.add(outGB, frameBytes/1e9, "")
	return b
}

func (w workload) syncRequest() bill {
	var b bill
	b.add(apiMessage, steps(w.payload, 32<<10)+steps(w.result, 32<<10), "message and response")
	b.run("router", quickSeconds, smallMemoryGB)
	b.add(trace, w.traced(), "one run")
	b.writes(calls["echo"])
	b.logs(1)
	b.add(outGB, float64(frameBytes+w.result)/1e9, "response")
	return b
}

func (w workload) connect() bill {
	var b bill
	b.run("authorizer", quickSeconds, smallMemoryGB)
	b.run("router, $connect", quickSeconds, smallMemoryGB)
	b.run("router, $disconnect", quickSeconds, smallMemoryGB)
	b.add(trace, 3*w.traced(), "three runs")
	b.writes(calls["connect"])
	b.writes(calls["disconnect"])
	b.logs(3)
	return b
}

func (w workload) connectionHour() bill {
	var b bill
	b.add(apiMinute, 60, "")
	b.add(apiMessage, 2*pingsPerHour, "pings and pongs")
	b.add(lambdaRequest, pingsPerHour, "router")
	b.add(lambdaGBSecond, pingsPerHour*quickSeconds*smallMemoryGB, "router")
	b.add(trace, pingsPerHour*w.traced(), "router")
	b.writes(calls["ping"])
	b.add(dynamoRead, reconcilesPerHour*0.5*connectionBytes/4096, "counting it")
	b.logs(pingsPerHour)
	b.add(outGB, pingsPerHour*frameBytes/1e9, "pongs")
	return b
}

// idle is what a month costs in which nothing happens.
func (w workload) idle() bill {
	b := bill{title: "a month in which nothing happens"}
	const reconciles = hoursPerMonth * reconcilesPerHour
	b.add(sqsRequest, float64(w.queues)*pollsPerMinute*60*hoursPerMonth, "polling of the work queues")
	b.add(lambdaRequest, reconciles, "reconciler")
	b.add(lambdaGBSecond, reconciles*quickSeconds*smallMemoryGB, "reconciler")
	b.add(dynamoRead, reconciles*(contract.OpenShards+1)*0.5, "its queries, and a scan")
	b.logs(reconciles)
	b.add(trace, reconciles, "its runs: each is the only one of its second")
	b.add(metric, steadyMetrics, "what it tells")
	b.add(alarm, float64(alarmMetrics+w.queues-1), "")
	b.add(dashboard, dashboards, "")
	if w.key {
		b.add(key, 1, "")
	}
	return b
}

// use is what a month costs beside, once something happens in it.
func (w workload) use() bill {
	b := bill{title: "a month in which something happens, beside"}
	b.add(metric, float64(w.metrics()-steadyMetrics), "the others of our own, at most")
	if w.key {
		b.add(keyRequest, float64(keyUses+keyUsesWorker*(w.queues-1))*hoursPerMonth*60/keyMinutes, "at most: the key, again and again")
	}
	return b
}

// metrics counts those of our own: each of the catalogue, and each by what it is written by.
func (w workload) metrics() (n int) {
	for _, m := range contract.Metrics {
		n++
		if m.By.Action {
			n += w.actions
		}
		if m.By.Code {
			n += codesSeen
		}
	}
	return n
}

// traced is the share of runs that X-Ray records: the first of each second, and 5 % of the
// others ("Sampling rules" of AWS Lambda's tracing, which cannot be changed).
func (w workload) traced() float64 { return min(1, (1+0.05*max(0, w.rate-1))/w.rate) }

// run is one invocation of a function.
func (b *bill) run(function string, seconds, memoryGB float64) {
	b.add(lambdaRequest, 1, function)
	b.add(lambdaGBSecond, seconds*memoryGB, function)
}

// logs are what so many runs write.
func (b *bill) logs(runs float64) {
	b.add(logGB, runs*logBytesPerRun/1e9, "")
	b.add(logGBMonth, runs*logBytesPerRun/1e9*logMonths, "")
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
