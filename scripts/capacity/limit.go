package main

import (
	"cmp"
	"slices"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/cost"
)

// size is how much there is to do.
type size struct {
	connections int
	rate        float64 // requests a second
	share       float64 // of the largest tenant, 0 to 1
}

// shape is a kind of requests.
type shape struct {
	name string
	cost.Workload
	sync bool
}

// shapes are the requests whose needs are computed: a payload, a result and a processor of
// scripts/cost, and 4 progress frames a second at most, of which a longer one sends fewer.
var shapes = []shape{
	{"sync requests", cost.Workload{Watchers: 1, Payload: 150, Result: 300, MemoryMB: 1024, Queues: 1, Actions: 3}, true},
	{"async requests of 1 s, 4 progress frames each", cost.Workload{Duration: time.Second, Frames: 4, Watchers: 1, Payload: 150, Result: 300, MemoryMB: 1024, Queues: 1, Actions: 3}, false},
	{"async requests of 10 s, 20 progress frames each", cost.Workload{Duration: 10 * time.Second, Frames: 20, Watchers: 1, Payload: 150, Result: 300, MemoryMB: 1024, Queues: 1, Actions: 3}, false},
}

// What AWS gives by default; the pages are named where a limit is used.
const (
	accountMessages    = 10_000 // a second, all APIs of the region, @connections among them
	accountConnects    = 500    // new ones a second
	accountConcurrency = 1_000
	functionRamp       = 1_000 // new environments of one function in functionRampTime
	functionRampTime   = 10 * time.Second
	mappingFirst       = 5 // runs at once of a queue's mapping, to begin with
	mappingRamp        = 300.0
	mappingMost        = 1_000
	provisionedRamp    = 1_000.0 // a minute, of a mapping in provisioned mode
	provisionedMost    = 20_000
	inFlight           = 120_000 // messages of a queue
	tableWrites        = 40_000  // write units a second of one table
	newTableWrites     = 4_000   // of one that never had more
	keyWrites          = 1_000   // of one partition
	maxConnection      = 2 * time.Hour

	dispatchBatch = 100 // records of a run of the dispatcher
	sendBatch     = 10  // hints in a call
)

// need is what something needs a second, or at once: so much for each connection and so much
// for each request a second.
type need struct{ perConnection, perRequest float64 }

func (n need) of(s size) float64 { return n.perConnection*float64(s.connections) + n.perRequest*s.rate }

// limit is what bounds a need.
type limit struct {
	what    string
	need    need
	has     float64 // by default
	setting string  // what moves it
}

func (l limit) used(s size) float64 { return l.need.of(s) / l.has }

// breaksAt is the rate of requests at which l is met with so many connections, if that
// is what meets it.
func (l limit) breaksAt(s size) (rate float64, byRate bool) {
	if l.need.perRequest == 0 {
		return 0, false
	}
	return max(0, (l.has-l.need.perConnection*float64(s.connections))/l.need.perRequest), true
}

// Each open connection does this much a second: it is renewed after two hours and pings.
const (
	connectsEach = 1 / (2 * 3600.0)
	pingsEach    = cost.PingsPerHour / 3600.0
)

// posts are the frames of a request that go through @connections; the router's own answers
// do not.
func (sh shape) posts() float64 {
	if sh.sync {
		return 0
	}
	return float64((sh.Frames + 1) * sh.Watchers)
}

// running is how many seconds a processor works on a request.
func (sh shape) running() float64 {
	if sh.sync {
		return 0
	}
	return sh.Duration.Seconds()
}

func (sh shape) writes(index string) float64 {
	if sh.sync {
		return 0
	}
	return sh.TableWrites()[index]
}

// limits are those of a shape, the one that is used up most first. share is the largest
// tenant's.
func (sh shape) limits(s size) []limit {
	dispatched := 0.0
	if !sh.sync {
		dispatched = 1
	}
	quickRuns := need{pingsEach + 3*connectsEach, 1 + dispatched} // authorizer, router twice; router, dispatcher
	limited := sh
	limited.Ledgers = 2
	lane := dispatchBatch / (dispatchBatch / sendBatch * cost.QuickSeconds)
	all := []limit{
		{
			"messages a second of one Streamer", need{pingsEach + connectsEach, 1}, contract.DefaultMessagesPerSecond,
			"`StreamerProps.Throttle`, no quota: it keeps one Streamer from using up the account's",
		}, {
			"API Gateway requests a second, frames posted through `@connections` among them", need{pingsEach + connectsEach, 1 + sh.posts()}, accountMessages,
			"quota of the account and region; fewer frames: `Clocks.ProgressMS`",
		}, {
			"new connections a second", need{connectsEach, 0}, accountConnects,
			"quota of the account and region",
		}, {
			"Lambda runs at once, all functions", need{quickRuns.perConnection * cost.QuickSeconds, quickRuns.perRequest*cost.QuickSeconds + sh.running()}, accountConcurrency,
			"quota of the account and region",
		}, {
			"requests under work at once of one queue", need{0, sh.running()}, contract.DefaultMaxConcurrency,
			"`StreamerProps.MaxConcurrency`, up to 1,000",
		}, {
			"requests under work at once of one queue, with the largest `MaxConcurrency`", need{0, sh.running()}, mappingMost,
			"`StreamerProps.Workers`: each has a queue with as many; or the mapping's provisioned mode, 20,000",
		}, {
			"messages in flight of one queue", need{0, sh.running()}, inFlight,
			"`StreamerProps.Workers`",
		}, {
			"requests table, write units a second, new", need{0, sh.writes("")}, newTableWrites,
			"the table's warm throughput; it doubles by itself within 30 minutes of use",
		}, {
			"requests table, write units a second, new, with `Limits` of users and tenants", need{connectsEach * (limited.writes("") - sh.writes("")), limited.writes("")}, newTableWrites,
			"the table's warm throughput; limits of users alone write half as much more",
		}, {
			"requests table, write units a second", need{0, sh.writes("")}, tableWrites,
			"quota of the account and region",
		}, {
			"index `by_tenant`, write units a second of the largest tenant's day: one partition", need{0, s.share * sh.writes(contract.IndexByTenant)}, keyWrites,
			"none: more tenants, or another Streamer for the largest",
		}, {
			"index `open`, write units a second of its 8 shards", need{0, sh.writes(contract.IndexOpen)}, contract.OpenShards * keyWrites,
			"`contract.OpenShards`, a constant",
		}, {
			"connections table, write units a second, new", need{2 * 2 * connectsEach, 0}, newTableWrites,
			"the table's warm throughput",
		}, {
			"hints a second of the stream's 4 lanes, which a new table has", need{0, dispatched}, lane * newTableWrites / keyWrites,
			"more partitions, which come with use or warm throughput; `ParallelizationFactor` of `DispatcherSource`",
		},
	}
	all = slices.DeleteFunc(all, func(l limit) bool { return l.need == need{} })
	slices.SortStableFunc(all, func(a, b limit) int { return cmp.Compare(b.used(s), a.used(s)) })
	return all
}

// ramp is how long a mapping takes from its first runs to so many at once, and how many
// messages wait at most meanwhile, when rate a second come and each takes so many seconds.
func ramp(rate, seconds, perMinute float64, queues int) (minutes, backlog float64) {
	want := rate * seconds
	first, slope := mappingFirst*float64(queues), perMinute/60*float64(queues)
	after := max(0, (want-first)/slope) // seconds
	return after / 60, (want - first) * after / 2 / seconds
}
