package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pay-theory/streamer/scripts/stage/processes"
)

// slack is what a process may have more, besides a quarter, before it has grown: the collector's
// leeway.
const slack = 4_000_000

// memory lets 10,000 requests pass, of which one in twenty is async, and looks at the largest
// process of each function meanwhile. One that has grown is an error.
func memory(ctx context.Context, s *stage) (string, error) {
	const sockets, rounds, perRound = 20, 10, 50 // for each socket
	all, err := dialAll(ctx, s.socket, sockets)
	if err != nil {
		return "", err
	}
	defer closeAll(all)
	largest := map[string][]int64{}
	began := time.Now()
	for range rounds {
		err := each(sockets, sockets, func(i int) error {
			for n := range perRound {
				if n%20 == 19 {
					if err := finish(ctx, all[i], async(0, 1)); err != nil {
						return err
					}
				} else if _, err := all[i].ask(ctx, echo); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return "", err
		}
		for name, sizes := range processes.Of(s.endpoint) {
			for _, function := range names {
				if strings.Contains(name, "Streamer"+function+"Function") {
					largest[function] = append(largest[function], slices.Max(sizes))
				}
			}
		}
	}
	took := time.Since(began)
	t := newTable("resident, MB", "after 1,000", "after 5,000", "after 10,000", "the last to the first")
	for _, function := range names {
		seen := largest[function]
		if len(seen) < rounds {
			continue // it did not run, or not all the time
		}
		if last := seen[rounds-1]; last > seen[0]+seen[0]/4+slack {
			return "", fmt.Errorf("%s has grown from %s to %s MB: it keeps something of each request", function, mb(seen[0]), mb(last))
		}
		t.row(function, mb(seen[0]), mb(seen[rounds/2-1]), mb(seen[rounds-1]), ratio(seen[rounds-1], seen[0]))
	}
	return t.String() + fmt.Sprintf("\nThe largest process of each function, while %d connections made %d requests in %.0f s, each waiting for the one before it.\n"+
		"One that ends with a quarter and %s MB more than it had after the first 1,000 fails this; `make soak` watches for longer.\n", sockets, sockets*rounds*perRound, took.Seconds(), mb(slack)), nil
}
