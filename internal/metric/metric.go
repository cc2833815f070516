// Package metric writes Streamer's own metrics as CloudWatch embedded metrics: lines in
// the function's log, no call.
package metric

import (
	"io"
	"time"

	"github.com/prozz/aws-embedded-metrics-golang/emf"

	"github.com/pay-theory/streamer/internal/contract"
)

// Recorder takes measurements. An action that is empty means that the metric is not by
// action.
type Recorder interface {
	// Count adds one to a metric.
	Count(metric, action string)
	// Duration records a duration in milliseconds.
	Duration(metric, action string, d time.Duration)
}

// Embedded is the Recorder that writes to a function's log.
type Embedded struct {
	// Service is the value of contract.DimensionService.
	Service string
	Out     io.Writer
}

// Count implements Recorder.
func (e Embedded) Count(metric, action string) {
	e.line(action).MetricAs(metric, 1, emf.Count).Log()
}

// Duration implements Recorder.
func (e Embedded) Duration(metric, action string, d time.Duration) {
	e.line(action).MetricAs(metric, int(d.Milliseconds()), emf.Milliseconds).Log()
}

func (e Embedded) line(action string) *emf.Logger {
	service := emf.NewDimension(contract.DimensionService, e.Service)
	l := emf.New(emf.WithWriter(e.Out), emf.WithoutDimensions()).Namespace(contract.MetricNamespace).DimensionSet(service)
	if action != "" {
		l.DimensionSet(service, emf.NewDimension(contract.DimensionAction, action))
	}
	return l
}

// None records nothing.
type None struct{}

// Count implements Recorder.
func (None) Count(string, string) {}

// Duration implements Recorder.
func (None) Duration(string, string, time.Duration) {}
