package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// each does n things, so many at once.
func each(n, atOnce int, do func(i int) error) error {
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed error
		turn   = make(chan struct{}, atOnce)
	)
	for i := range n {
		turn <- struct{}{}
		wg.Go(func() {
			err := do(i)
			<-turn
			mu.Lock()
			failed = errors.Join(failed, err)
			mu.Unlock()
		})
	}
	wg.Wait()
	return failed
}

// times are how long something took, again and again.
type times []time.Duration

// at is a quantile, 0 to 1.
func (t times) at(q float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// ms are milliseconds with one digit behind the point.
func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }

func ratio[N ~int | ~int64 | ~float64](a, b N) string {
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}

// mb are megabytes, of a million bytes.
func mb(bytes int64) string { return fmt.Sprintf("%.2f", float64(bytes)/1e6) }

// table is one of Markdown.
type table struct{ strings.Builder }

func newTable(head ...any) *table {
	t := &table{}
	t.row(head...)
	t.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	return t
}

func (t *table) row(cells ...any) {
	for _, c := range cells {
		fmt.Fprintf(t, "| %v ", c)
	}
	t.WriteString("|\n")
}
