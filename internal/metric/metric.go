// Package metric writes Streamer's own metrics as CloudWatch embedded metrics: lines in
// the function's log, no call.
package metric

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prozz/aws-embedded-metrics-golang/emf"

	"github.com/pay-theory/streamer/internal/contract"
)

// Recorder takes measurements.
type Recorder interface {
	// Add adds n to what is counted of a metric.
	Add(m contract.Metric, of Labels, n int)
	// Value records one value of a metric that is no sum.
	Value(m contract.Metric, of Labels, v int64)
}

// Labels say what was measured, as far as it is known. Each metric takes those of them
// that contract.Metric.By names.
type Labels struct{ Action, Code, Tenant string }

// Embedded is the Recorder that writes to a function's log. It gathers what is measured
// until Flush, so that an invocation that posts forty frames writes one line and not
// forty. It is safe for concurrent use.
type Embedded struct {
	// Service is the value of contract.DimensionService.
	Service string
	// Tenants are those that may stand in contract.DimensionTenant: each costs metrics of
	// its own.
	Tenants []string
	Out     io.Writer

	mu       sync.Mutex
	gathered map[Labels]*measurements
}

// measurements are those with the same labels, by metric.
type measurements struct {
	sums   map[contract.Metric]int
	values map[contract.Metric][]int64
}

// Add implements Recorder.
func (e *Embedded) Add(m contract.Metric, of Labels, n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.of(m, of).sums[m] += n
}

// Value implements Recorder.
func (e *Embedded) Value(m contract.Metric, of Labels, v int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	with := e.of(m, of)
	with.values[m] = append(with.values[m], v)
}

// of finds where a measurement belongs: a metric's line has the labels that the metric
// takes, and no others.
func (e *Embedded) of(m contract.Metric, of Labels) *measurements {
	if !m.By.Action {
		of.Action = ""
	}
	if !m.By.Code {
		of.Code = ""
	}
	if !m.By.Tenant || !slices.Contains(e.Tenants, of.Tenant) {
		of.Tenant = ""
	}
	if e.gathered == nil {
		e.gathered = map[Labels]*measurements{}
	}
	with := e.gathered[of]
	if with == nil {
		with = &measurements{sums: map[contract.Metric]int{}, values: map[contract.Metric][]int64{}}
		e.gathered[of] = with
	}
	return with
}

// Flush writes what was gathered since the last Flush: a line for all that has the same
// labels, and one more for each further value of the same metric. It belongs at the end of
// each invocation; what a process that is killed has not written is not measured.
func (e *Embedded) Flush() error {
	e.mu.Lock()
	gathered := e.gathered
	e.gathered = nil
	e.mu.Unlock()
	if len(gathered) == 0 {
		return nil
	}
	now := time.Now()
	var lines bytes.Buffer // in memory, since a Logger does not tell of errors
	for _, of := range slices.SortedFunc(maps.Keys(gathered), Labels.compare) {
		for with := gathered[of]; len(with.sums)+len(with.values) > 0; {
			e.line(&lines, of, with, now)
		}
	}
	if _, err := e.Out.Write(lines.Bytes()); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}

func (l Labels) compare(m Labels) int {
	return slices.Compare([]string{l.Action, l.Code, l.Tenant}, []string{m.Action, m.Code, m.Tenant})
}

// line writes all sums and the first value of each metric, and takes them from with.
func (e *Embedded) line(out io.Writer, of Labels, with *measurements, now time.Time) {
	service := emf.NewDimension(contract.DimensionService, e.Service)
	l := emf.New(emf.WithWriter(out), emf.WithoutDimensions(), emf.WithTimestamp(now)).
		Namespace(contract.MetricNamespace).DimensionSet(service)
	for _, d := range []emf.Dimension{
		emf.NewDimension(contract.DimensionAction, of.Action),
		emf.NewDimension(contract.DimensionCode, of.Code),
		emf.NewDimension(contract.DimensionTenant, of.Tenant),
	} {
		if d.Value != "" {
			l.DimensionSet(service, d)
		}
	}
	for _, m := range slices.SortedFunc(maps.Keys(with.sums), byName) {
		l.MetricAs(m.Name, with.sums[m], emf.MetricUnit(m.Unit))
	}
	clear(with.sums)
	for _, m := range slices.SortedFunc(maps.Keys(with.values), byName) {
		values := with.values[m]
		l.MetricAs(m.Name, int(values[0]), emf.MetricUnit(m.Unit))
		if with.values[m] = values[1:]; len(values) == 1 {
			delete(with.values, m)
		}
	}
	l.Log()
}

func byName(m, n contract.Metric) int { return strings.Compare(m.Name, n.Name) }

// To is a Recorder for programs that may or may not measure, and what writes down what was
// measured. A nil out measures nothing.
func To(out io.Writer, service string, log *slog.Logger) (Recorder, func(context.Context)) {
	if out == nil {
		return None{}, func(context.Context) {}
	}
	embedded := &Embedded{Service: service, Out: out}
	return embedded, func(ctx context.Context) {
		if err := embedded.Flush(); err != nil {
			log.ErrorContext(ctx, "metrics not written", "error", err)
		}
	}
}

// None records nothing.
type None struct{}

// Add implements Recorder.
func (None) Add(contract.Metric, Labels, int) {}

// Value implements Recorder.
func (None) Value(contract.Metric, Labels, int64) {}
