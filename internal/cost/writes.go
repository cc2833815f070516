package cost

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
)

// write is one to the requests table, or several alike.
type write struct {
	what    string
	times   float64
	size    float64  // units for the item itself
	indexes []string // that it touches, at a unit each
}

func (w write) units() float64 { return w.times * (w.size + float64(len(w.indexes))) }

// writes are those of a request, from its acceptance to its end.
func (w Workload) writes() []write {
	now := time.Now()
	accept := lifecycle.Accept(lifecycle.Submission{}, now)
	pulses := math.Floor(w.Duration.Seconds() / pulseSeconds)
	all := []write{
		{"acceptance, with its indexes", 1, 1, indexesOf(accept)},
		{"claim, with its indexes", 1, 1, touched(lifecycle.Claim("", "", now, 0))},
		{"pulses", pulses, 1, touched(lifecycle.Pulse(1, lifecycle.State{}, now, 0, nil))},
		{"outcome, with its indexes", 1, steps(700+w.resultInRow(), 1<<10), touched(lifecycle.Complete(1, lifecycle.Outcome{}, 1, now))},
	}
	if Calls[w.kind()]["dynamodb.PutItem"] > 1 {
		all = append(all, write{"the payload beside the row", 1, steps(w.Payload, 1<<10), nil})
	}
	if w.Ledgers > 0 {
		all = append(all, write{entering, w.entries(), 1, nil})
	}
	if w.Handed {
		all = append(all,
			write{"handing over", 1, 1, touched(lifecycle.HandOver(1, lifecycle.State{}, now, 0))},
			write{"taking over", 1, 1, touched(lifecycle.TakeOver(lifecycle.Ticket{}, 1, "", now, 0))},
			write{"a claim that is refused, at its end", 1, 1, nil},
			write{"told", 1, 1, touched(lifecycle.Told(lifecycle.Row{}))},
		)
	}
	return all
}

// TableWrites are the write units of a request by where they go: the name of an index, or
// "" for the requests table itself.
func (w Workload) TableWrites() map[string]float64 {
	units := map[string]float64{}
	for _, write := range w.writes() {
		units[""] += write.times * write.size
		for _, index := range write.indexes {
			units[index] += write.times
		}
	}
	return units
}

// indexesOf lists the indexes of the requests table that a row stands in.
func indexesOf(row lifecycle.Row) []string {
	keys := map[string]string{contract.IndexByTenant: row.TenantDay, contract.IndexByUser: row.UserKey, contract.IndexOpen: row.OpenShard}
	maps.DeleteFunc(keys, func(_, key string) bool { return key == "" })
	return slices.Sorted(maps.Keys(keys))
}

// touched lists the indexes that a transition writes to: the one by tenant if it projects
// what changes, and the one of open requests to leave it.
func touched(u lifecycle.Update) (indexes []string) {
	changes := slices.Collect(maps.Keys(u.Set))
	changes = slices.AppendSeq(changes, maps.Keys(u.Once))
	changes = slices.AppendSeq(changes, maps.Keys(u.Add))
	changes = append(changes, u.Remove...)
	if slices.ContainsFunc(changes, func(f lifecycle.Field) bool { return slices.Contains(contract.ByTenantAttributes, string(f)) }) {
		indexes = append(indexes, contract.IndexByTenant)
	}
	if slices.Contains(u.Remove, contract.OpenShard) {
		indexes = append(indexes, contract.IndexOpen)
	}
	return indexes
}
