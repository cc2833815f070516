package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pay-theory/streamer/scripts/stage/processes"
)

// memory lets 10,000 requests pass, of which one in twenty is async, and looks at the largest
// process of each function meanwhile.
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
		t.row(function, mb(seen[0]), mb(seen[rounds/2-1]), mb(seen[rounds-1]), ratio(seen[rounds-1], seen[0]))
	}
	return t.String() + fmt.Sprintf("\nThe largest process of each function, while %d connections made %d requests in %.0f s, each waiting for the one before it.\n"+
		"`make soak` watches it for longer and fails if a function grows.\n", sockets, sockets*rounds*perRound, took.Seconds()), nil
}
