package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
)

const titleWidth = 50

// render prints a line for each widget: its title, then each metric with its number.
func render(ctx context.Context, out io.Writer, widgets []widget, alarms map[string]alarm, read func(context.Context, []metric) ([]value, error)) error {
	for _, w := range widgets {
		cells := alarmCells(w.alarms, alarms)
		if metrics := w.metrics(); len(metrics) > 0 && !w.numbers { // which are drawn below
			values, err := read(ctx, metrics)
			if err != nil {
				return err
			}
			cells = append(cells, metricCells(metrics, values)...)
		}
		if len(cells) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(out, "  %-*s  %s\n", titleWidth, w.title, strings.Join(cells, "   ")); err != nil {
			return err
		}
	}
	return nil
}

// metricCells are the metrics with their numbers, or a word for all of them where nothing
// happened, or nobody measures any.
func metricCells(metrics []metric, values []value) []string {
	var cells []string
	known, happened := false, false
	for i, m := range metrics {
		known = known || values[i].known || m.counted()
		happened = happened || values[i].number != 0
		cells = append(cells, m.label+" "+text(m, values[i]))
	}
	switch {
	case !known:
		return []string{"no numbers yet, or only AWS has them"}
	case !happened:
		return []string{"none"}
	}
	return cells
}

// alarmCells counts the alarms of each state and names those that are not well.
func alarmCells(arns []string, alarms map[string]alarm) []string {
	if len(arns) == 0 {
		return nil
	}
	var ok int
	var others []string
	for _, arn := range arns {
		switch a := alarms[arn]; a.state {
		case "OK":
			ok++
		case "ALARM":
			others = append(others, "ALARM "+a.name)
		}
	}
	cells := []string{fmt.Sprintf("%d alarms", len(arns)), fmt.Sprintf("in alarm %d", len(others)), fmt.Sprintf("without data yet %d", len(arns)-ok-len(others))}
	return append(cells, others...)
}

// text is a value in the unit of its metric.
func text(m metric, v value) string {
	switch {
	case !v.known && m.counted():
		return "0" // nothing happened
	case !v.known:
		return "–"
	case m.stat == "Sum" || !m.isTime():
		return fmt.Sprintf("%.0f", v.number)
	}
	d := time.Duration(v.number * float64(time.Millisecond))
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f min", d.Minutes())
}

// counted reports whether a metric counts what Streamer does: then no number is none.
func (m metric) counted() bool { return m.stat == "Sum" && m.namespace == contract.MetricNamespace }

// isTime reports whether a metric is one of Streamer's own in milliseconds.
func (m metric) isTime() bool {
	return m.namespace == contract.MetricNamespace && slices.ContainsFunc(contract.Metrics, func(own contract.Metric) bool {
		return own.Name == m.name && own.Unit == contract.UnitMilliseconds
	})
}
