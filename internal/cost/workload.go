package cost

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/limits"
	"github.com/pay-theory/streamer/protocol"
)

//go:embed calls.json
var callsJSON []byte

// Calls are those to AWS that each operation makes, as counted, by operation and call.
var Calls = func() (counted map[string]map[string]float64) {
	if err := json.Unmarshal(callsJSON, &counted); err != nil {
		panic(fmt.Errorf("calls.json: %w", err)) // it is part of the program
	}
	return counted
}()

// What is assumed, since nothing here can count it.
const (
	QuickSeconds    = 0.010 // a run of router, dispatcher or authorizer, once warm
	smallMemoryGB   = 0.25  // of those functions
	logBytesPerRun  = 800   // Lambda's own lines, ours and the metrics
	logMonths       = 1     // that they are kept
	frameBytes      = 250   // a frame without its result
	rowBytes        = 1500  // a request's row once it has ended, with its copies in indexes, without its result
	PingsPerHour    = 15    // the clients' interval is 4 minutes
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

// Assumptions are what is assumed, since nothing here can count it, in sentences.
var Assumptions = []string{
	fmt.Sprintf("Runs of router, dispatcher, authorizer and reconciler take %.0f ms on %.0f MB; cold starts are left out.", QuickSeconds*1000, smallMemoryGB*1024),
	"Each request is dispatched by itself; under load up to 100 share a run and a send.",
	fmt.Sprintf("A run writes %d bytes of logs, metrics included, kept for a month; an audit log adds half as much to those of router and processor.", logBytesPerRun),
	fmt.Sprintf("Progress is stored every %.0f s, a message's visibility renewed every %.0f s.", pulseSeconds, renewalSeconds),
	fmt.Sprintf("A queue's mapping polls with five long polls at once: %d requests a minute.", pollsPerMinute),
	fmt.Sprintf("The alarms watch %d metrics and one more for each worker; each of our own is seen in a month of use, for each of -actions and for %d codes: so it is the most.", alarmMetrics, codesSeen),
	"Every five minutes the reconciler counts the connections, and looks for open requests.",
	fmt.Sprintf("A row has under 1 KB while it is worked on, %d bytes with its indexes at the end, for %.0f days; files stay %d days.", rowBytes, lifecycle.Retention.Hours()/24, fileDays),
	fmt.Sprintf("A frame has %d bytes, and its result; a handler's own calls and traffic are left out.", frameBytes),
	"What does the work of a request that is handed over (-handed-over), and how it gets its ticket, is not in the bill; it takes it over once.",
	"Of each function's runs X-Ray records one a second and 5 % of the others, which depends on -rate; each message that -traces chooses is one trace, whoever works on it.",
	fmt.Sprintf("With limits (-limits), what stands in a ledger has ended by the time that its %d places are taken.", limits.DrawerEntries),
	"No call is a transaction, which would cost twice: rows change by conditional writes.",
	fmt.Sprintf("With a key of one's own (-key), each function asks for that of each thing it uses every %d minutes at most.", keyMinutes),
}

// Workload is what a request is like.
type Workload struct {
	Duration         time.Duration // that the handler works
	Frames, Watchers int
	Payload, Result  int // bytes
	MemoryMB         int // of the processor
	// Queues are the work queues, Actions those that have metrics of their own.
	Queues, Actions int
	Rate            float64 // requests a second
	Key             bool    // StreamerProps.EncryptionKey
	Handed          bool    // the handler hands the request over
	// Traces is the percentage of messages that are traced besides those that Lambda chooses:
	// TracingProps.Percent.
	Traces float64
	// Ledgers are the limits of StreamerProps.Limits that are kept: 1 for each user, 2 for each
	// tenant too.
	Ledgers int
}

// kind is the operation of calls.json that the workload is.
func (w Workload) kind() string {
	switch {
	case w.Payload > protocol.MaxInline || w.Result > protocol.MaxInline:
		return "async, payload and result in S3"
	case w.Payload > 200: // what the router keeps in the row
		return "async, payload beside the row"
	default:
		return "async"
	}
}

// resultInRow is how many bytes of the result stand in the row.
func (w Workload) resultInRow() int {
	if Calls[w.kind()]["s3.PutObject"] > 0 {
		return 0
	}
	return w.Result
}

// Request is what one costs, from its message to its terminal frame.
func (w Workload) Request() Bill {
	var b Bill
	c := Calls[w.kind()]
	seconds := w.Duration.Seconds()
	renewals := math.Floor(seconds / renewalSeconds)

	b.add(APIMessage, steps(w.Payload, 32<<10)+1, "the client's message and accepted")
	b.add(APIMessage, float64(w.Frames*w.Watchers), "progress")
	b.add(APIMessage, float64(w.Watchers)*steps(w.Result, 32<<10), "the terminal frame")
	b.run("router", QuickSeconds, smallMemoryGB)
	b.run("dispatcher", QuickSeconds, smallMemoryGB)
	if memoryGB := float64(w.MemoryMB) / 1024; w.Handed {
		w.handOver(&b, memoryGB)
		renewals = 0
	} else {
		b.run("processor", seconds, memoryGB)
	}
	b.add(trace, 3*w.traced(), "three runs")
	w.chosen(&b)

	for _, write := range w.writes() {
		b.add(DynamoWrite, write.units(), write.what)
	}
	if c["dynamodb.PutItem"] > 1 {
		b.add(DynamoRead, steps(w.Payload, 4<<10), "reading the payload beside the row")
	}
	b.add(DynamoRead, w.struck(), "limits: looking for those that have ended")

	b.add(sqsRequest, c["sqs.SendMessageBatch"], "hint")
	b.add(sqsRequest, 2, "its receipt and deletion, by the mapping")
	b.add(sqsRequest, c["sqs.ChangeMessageVisibility"]+renewals, "holding it")
	b.add(s3Put, c["s3.PutObject"], "payload and result")
	b.add(s3Get, c["s3.GetObject"], "payload")
	b.logs(3)
	b.add(dynamoGBMonth, float64(rowBytes+w.resultInRow())/1e9*lifecycle.Retention.Hours()/24/daysPerMonth, "its row, until it expires")
	b.add(s3GBMonth, float64(w.Payload*int(c["s3.GetObject"])+w.Result-w.resultInRow())/1e9*fileDays/daysPerMonth, "its files, until they expire")
	b.add(outGB, float64(frameBytes*(1+(w.Frames+1)*w.Watchers)+w.Result*w.Watchers)/1e9, "its frames, or its file")
	return b
}

// handOver adds what a request costs beside when other compute goes on with it: taking it
// over, and the hint that its end is, which finds that everyone was told.
func (w Workload) handOver(b *Bill, memoryGB float64) {
	more := func(call string) float64 { return Calls["async, handed over"][call] - Calls["async"][call] }
	b.run("processor, handing over", QuickSeconds, memoryGB)
	b.run("dispatcher, at its end", QuickSeconds, smallMemoryGB)
	b.run("processor, at its end", QuickSeconds, memoryGB)
	b.add(trace, 2*w.traced(), "two runs, at its end")
	b.add(DynamoRead, more("dynamodb.GetItem"), "looking at it before taking over")
	b.add(sqsRequest, more("sqs.SendMessageBatch")+2+more("sqs.ChangeMessageVisibility"), "the hint that its end is")
	b.logs(2)
}

// Frame is what one progress frame costs on its way to one watcher.
func (w Workload) Frame() Bill {
	var b Bill
	b.add(APIMessage, 1, "one watcher")
	b.add(outGB, frameBytes/1e9, "")
	return b
}

// SyncRequest is what a sync action costs.
func (w Workload) SyncRequest() Bill {
	var b Bill
	b.add(APIMessage, steps(w.Payload, 32<<10)+steps(w.Result, 32<<10), "message and response")
	b.run("router", QuickSeconds, smallMemoryGB)
	b.add(trace, w.traced(), "one run")
	w.chosen(&b)
	b.writes(Calls["echo"])
	b.logs(1)
	b.add(outGB, float64(frameBytes+w.Result)/1e9, "response")
	return b
}

// Connect is what a connection costs, but for the time that it is open.
func (w Workload) Connect() Bill {
	var b Bill
	b.run("authorizer", QuickSeconds, smallMemoryGB)
	b.run("router, $connect", QuickSeconds, smallMemoryGB)
	b.run("router, $disconnect", QuickSeconds, smallMemoryGB)
	b.add(trace, 3*w.traced(), "three runs")
	b.writes(Calls["connect"])
	b.writes(Calls["disconnect"])
	b.add(DynamoWrite, w.entries(), entering)
	b.add(DynamoRead, w.struck(), "limits: looking for those that have ended")
	b.logs(3)
	return b
}

// ConnectionHour is what an open connection costs in an hour in which its client only pings.
func (w Workload) ConnectionHour() Bill {
	var b Bill
	b.add(apiMinute, 60, "")
	b.add(APIMessage, 2*PingsPerHour, "pings and pongs")
	b.add(lambdaRequest, PingsPerHour, "router")
	b.add(lambdaGBSecond, PingsPerHour*QuickSeconds*smallMemoryGB, "router")
	b.add(trace, PingsPerHour*w.traced(), "router")
	b.add(trace, PingsPerHour*w.more(), "pings that -traces chooses")
	b.writes(Calls["ping"])
	b.add(DynamoRead, reconcilesPerHour*0.5*connectionBytes/4096, "counting it")
	b.logs(PingsPerHour)
	b.add(outGB, PingsPerHour*frameBytes/1e9, "pongs")
	return b
}

// Idle is what a month costs in which nothing happens.
func (w Workload) Idle() Bill {
	b := Bill{title: "a month in which nothing happens"}
	const reconciles = hoursPerMonth * reconcilesPerHour
	b.add(sqsRequest, float64(w.Queues)*pollsPerMinute*60*hoursPerMonth, "polling of the work queues")
	b.add(lambdaRequest, reconciles, "reconciler")
	b.add(lambdaGBSecond, reconciles*QuickSeconds*smallMemoryGB, "reconciler")
	b.add(DynamoRead, reconciles*(contract.OpenShards+1)*0.5, "its queries, and a scan")
	b.logs(reconciles)
	b.add(trace, reconciles, "its runs: each is the only one of its second")
	b.add(metric, steadyMetrics, "what it tells")
	b.add(alarm, float64(alarmMetrics+w.Queues-1), "")
	b.add(dashboard, dashboards, "")
	if w.Key {
		b.add(key, 1, "")
	}
	return b
}

// Use is what a month costs beside, once something happens in it.
func (w Workload) Use() Bill {
	b := Bill{title: "a month in which something happens, beside"}
	b.add(metric, float64(w.metrics()-steadyMetrics), "the others of our own, at most")
	if w.Key {
		b.add(keyRequest, float64(keyUses+keyUsesWorker*(w.Queues-1))*hoursPerMonth*60/keyMinutes, "at most: the key, again and again")
	}
	return b
}

// metrics counts those of our own: each of the catalogue, and each by what it is written by.
func (w Workload) metrics() (n int) {
	for _, m := range contract.Metrics {
		n++
		if m.By.Action {
			n += w.Actions
		}
		if m.By.Code {
			n += codesSeen
		}
	}
	return n
}

// traced is the share of runs that X-Ray records: the first of each second, and 5 % of the
// others ("Sampling rules" of AWS Lambda's tracing, which cannot be changed).
func (w Workload) traced() float64 { return min(1, (1+0.05*max(0, w.Rate-1))/w.Rate) }

// more is the share of messages that are traced besides: each is a trace of its own, which
// every function that works on the request adds to.
func (w Workload) more() float64 { return (1 - w.traced()) * w.Traces / 100 }

func (w Workload) chosen(b *Bill) { b.add(trace, w.more(), "the request, if -traces chooses it") }

// entries are the writes of a thing that is limited: into each ledger, and three more when that
// is full (package limits): the refused one, the look, and what is struck.
func (w Workload) entries() float64 { return float64(w.Ledgers) * (1 + 3.0/limits.DrawerEntries) }

const entering = "limits: an entry each, and making room"

// struck are the reads by which it is found out once for each entry that it has ended.
func (w Workload) struck() float64 { return float64(w.Ledgers) }

// run is one invocation of a function.
func (b *Bill) run(function string, seconds, memoryGB float64) {
	b.add(lambdaRequest, 1, function)
	b.add(lambdaGBSecond, seconds*memoryGB, function)
}

// logs are what so many runs write.
func (b *Bill) logs(runs float64) {
	b.add(logGB, runs*logBytesPerRun/1e9, "")
	b.add(logGBMonth, runs*logBytesPerRun/1e9*logMonths, "")
}

// writes are those to the connections table: an item under 1 KB and its index.
func (b *Bill) writes(counted map[string]float64) {
	n := counted["dynamodb.PutItem"] + counted["dynamodb.DeleteItem"] + counted["dynamodb.UpdateItem"]
	b.add(DynamoWrite, 2*n, "connections table, with its index")
}

// steps is how many units of a size something is metered as: at least one.
func steps(size, unit int) float64 { return max(1, math.Ceil(float64(size)/float64(unit))) }
