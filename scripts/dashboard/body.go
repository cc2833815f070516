package main

import (
	"encoding/json"
	"fmt"
)

// widget is one of a dashboard body's, as far as it is shown: a graph with its lines, or
// their numbers over the whole time, a list of alarms, a query of a log, or text.
type widget struct {
	title      string
	x, y, w, h int
	lines      []line
	alarms     []string // ARNs
	markdown   string
	query      string
	numbers    bool
	thresholds []threshold
	units      [2]string // of the left and of the right axis
	stacked    bool
}

// line is a metric, or an expression, and how it looks.
type line struct {
	metric
	id, expression string
	color          string
	right          bool // its axis
	hidden         bool // only an expression uses it
	period         int  // seconds
}

// metric is what CloudWatch knows a metric by, and what is asked about it.
type metric struct {
	namespace, name string
	dimensions      map[string]string
	label, stat     string
}

type threshold struct {
	Label string  `json:"label"`
	Value float64 `json:"value"`
}

// defaultPeriod is that of a metric that names none, in seconds.
const defaultPeriod = 300

// parse reads a dashboard body (CloudWatch API reference, "Dashboard body structure and
// syntax").
func parse(body []byte) ([]widget, error) {
	type axis struct {
		Label string `json:"label"`
	}
	var doc struct {
		Widgets []struct {
			X, Y, Width, Height int
			Properties          struct {
				Title       string              `json:"title"`
				Markdown    string              `json:"markdown"`
				Query       string              `json:"query"`
				View        string              `json:"view"`
				Alarms      []string            `json:"alarms"`
				Metrics     [][]json.RawMessage `json:"metrics"`
				Stacked     bool                `json:"stacked"`
				YAxis       struct{ Left, Right axis }
				Annotations struct{ Horizontal []threshold }
			} `json:"properties"`
		} `json:"widgets"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("read dashboard body: %w", err)
	}
	var out []widget
	for _, w := range doc.Widgets {
		p := w.Properties
		shown := widget{
			title: p.Title, x: w.X, y: w.Y, w: w.Width, h: w.Height, alarms: p.Alarms, markdown: p.Markdown, query: p.Query, numbers: p.View == "singleValue",
			thresholds: p.Annotations.Horizontal, units: [2]string{p.YAxis.Left.Label, p.YAxis.Right.Label}, stacked: p.Stacked,
		}
		for _, row := range p.Metrics {
			l, ok, err := parseLine(row)
			if err != nil {
				return nil, fmt.Errorf("read dashboard body: widget %q: %w", p.Title, err)
			}
			if ok {
				shown.lines = append(shown.lines, l)
			}
		}
		out = append(out, shown)
	}
	return out, nil
}

// metrics are the lines that are drawn and are no expressions.
func (w widget) metrics() (all []metric) {
	for _, l := range w.lines {
		if l.expression == "" && !l.hidden {
			all = append(all, l.metric)
		}
	}
	return all
}

// parseLine reads [namespace, name, dimension, value, …, {options}], or [{options}] of an
// expression.
func parseLine(row []json.RawMessage) (l line, ok bool, err error) {
	options := struct {
		Expression, ID, Label, Stat, Color, YAxis string
		Period                                    int
		Visible                                   *bool
	}{Stat: "Average", Period: defaultPeriod}
	var words []string
	for i, cell := range row {
		var word string
		if json.Unmarshal(cell, &word) == nil {
			words = append(words, word)
			continue
		}
		if i != len(row)-1 {
			return l, false, fmt.Errorf("metric %s is not words and options", row)
		}
		if err := json.Unmarshal(cell, &options); err != nil {
			return l, false, err
		}
	}
	if len(words) < 2 && options.Expression == "" {
		return l, false, nil
	}
	l = line{
		metric: metric{dimensions: map[string]string{}, label: options.Label, stat: options.Stat},
		id:     options.ID, expression: options.Expression, color: options.Color, period: max(options.Period, 1),
		right: options.YAxis == "right", hidden: options.Visible != nil && !*options.Visible,
	}
	if l.expression != "" {
		return l, true, nil
	}
	l.namespace, l.name = words[0], words[1]
	for i := 2; i+1 < len(words); i += 2 {
		l.dimensions[words[i]] = words[i+1]
	}
	if l.label == "" {
		l.label = l.name
	}
	return l, true, nil
}
