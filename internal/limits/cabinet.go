package limits

import (
	"hash/fnv"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
)

const (
	// DrawerEntries are as many as a ledger has, which keeps it below a kilobyte.
	DrawerEntries = 20
	// drawerPace keeps it well below the writes a second of one key.
	drawerPace = 100
)

// cabinet is one limit, spread over drawers.
type cabinet struct{ most, pace int } // zero: without limit

// drawer is the part of a limit that one ledger keeps.
type drawer struct {
	most         int
	every, ahead time.Duration
}

func (c cabinet) drawers() int {
	n := max(1, (c.most+DrawerEntries-1)/DrawerEntries, (c.pace+drawerPace-1)/drawerPace)
	if c.most > 0 {
		n = min(n, c.most)
	}
	if c.pace > 0 {
		n = min(n, c.burst())
	}
	return n
}

// burst is how many may come at once.
func (c cabinet) burst() int { return c.pace * contract.SubmitSeconds }

// drawer is the nth: together they have what the limit has.
func (c cabinet) drawer(n int) drawer {
	all, d := c.drawers(), drawer{}
	d.most = share(c.most, n, all)
	if c.pace > 0 {
		d.every = time.Second * time.Duration(all) / time.Duration(c.pace)
		d.ahead = d.every * time.Duration(share(c.burst(), n, all)-1)
	}
	return d
}

// share is the nth of parts that differ by one at most.
func share(whole, n, parts int) int {
	if n < whole%parts {
		return whole/parts + 1
	}
	return whole / parts
}

// choices are the drawers that an id may go into, one or two.
func (c cabinet) choices(id string) []int {
	all := c.drawers()
	h := fnv.New64a()
	h.Write([]byte(id))
	first := int(h.Sum64() % uint64(all))
	if all == 1 {
		return []int{first}
	}
	second := (first + 1 + int(h.Sum64()>>32%uint64(all-1))) % all
	return []int{first, second}
}
