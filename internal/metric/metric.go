// Package metric writes Streamer's own metrics as CloudWatch embedded metrics: lines in
// the function's log, no call.
package metric

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
)

// maxValues is how many values of one metric a line may have (CloudWatch user guide,
// "Specification: Embedded metric format").
const maxValues = 100

// Recorder takes measurements. An action that is empty means that the metric is not by
// action.
type Recorder interface {
	// Count adds one to a metric.
	Count(metric, action string)
	// Duration records a duration in milliseconds.
	Duration(metric, action string, d time.Duration)
}

// Embedded is the Recorder that writes to a function's log. It gathers what is measured
// until Flush, so that an invocation that posts forty frames writes one line and not
// forty. It is safe for concurrent use.
type Embedded struct {
	// Service is the value of contract.DimensionService.
	Service string
	Out     io.Writer

	mu       sync.Mutex
	gathered map[string]*measurements // by action
}

// measurements are those of one action, by metric.
type measurements struct {
	counts    map[string]int64
	durations map[string][]int64 // milliseconds
}

// Count implements Recorder.
func (e *Embedded) Count(metric, action string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.of(action).counts[metric]++
}

// Duration implements Recorder.
func (e *Embedded) Duration(metric, action string, d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	m := e.of(action)
	m.durations[metric] = append(m.durations[metric], d.Milliseconds())
}

func (e *Embedded) of(action string) *measurements {
	if e.gathered == nil {
		e.gathered = map[string]*measurements{}
	}
	m := e.gathered[action]
	if m == nil {
		m = &measurements{counts: map[string]int64{}, durations: map[string][]int64{}}
		e.gathered[action] = m
	}
	return m
}

// Flush writes what was gathered since the last Flush: a line for each action, with the
// sum of each count and all values of each duration. It belongs at the end of each
// invocation; what a process that is killed has not written is not measured.
func (e *Embedded) Flush() error {
	e.mu.Lock()
	gathered := e.gathered
	e.gathered = nil
	e.mu.Unlock()
	now := time.Now()
	var lines bytes.Buffer
	for _, action := range slices.Sorted(maps.Keys(gathered)) {
		for m := gathered[action]; len(m.counts)+len(m.durations) > 0; {
			if err := json.NewEncoder(&lines).Encode(e.line(action, m, now)); err != nil {
				return fmt.Errorf("write metrics: %w", err)
			}
		}
	}
	if lines.Len() == 0 {
		return nil
	}
	if _, err := e.Out.Write(lines.Bytes()); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}

type definition struct {
	Name string
	Unit string
}

// line takes from m what fits into one line.
func (e *Embedded) line(action string, m *measurements, now time.Time) map[string]any {
	line := map[string]any{contract.DimensionService: e.Service}
	dimensions := [][]string{{contract.DimensionService}}
	if action != "" {
		line[contract.DimensionAction] = action
		dimensions = append(dimensions, []string{contract.DimensionService, contract.DimensionAction})
	}
	var metrics []definition
	for _, name := range slices.Sorted(maps.Keys(m.counts)) {
		line[name] = m.counts[name]
		metrics = append(metrics, definition{name, "Count"})
	}
	clear(m.counts)
	for _, name := range slices.Sorted(maps.Keys(m.durations)) {
		values := m.durations[name]
		n := min(len(values), maxValues)
		line[name] = values[:n]
		metrics = append(metrics, definition{name, "Milliseconds"})
		if m.durations[name] = values[n:]; n == len(values) {
			delete(m.durations, name)
		}
	}
	line["_aws"] = map[string]any{
		"Timestamp": now.UnixMilli(),
		"CloudWatchMetrics": []map[string]any{{
			"Namespace": contract.MetricNamespace, "Dimensions": dimensions, "Metrics": metrics,
		}},
	}
	return line
}

// None records nothing.
type None struct{}

// Count implements Recorder.
func (None) Count(string, string) {}

// Duration implements Recorder.
func (None) Duration(string, string, time.Duration) {}
