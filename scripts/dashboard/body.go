package main

import (
	"encoding/json"
	"fmt"
)

// widget is one of a dashboard body's, as far as it is shown: a graph or a number with
// its metrics, or a list of alarms.
type widget struct {
	title   string
	metrics []metric
	alarms  []string // ARNs
}

// metric is one line of a graph.
type metric struct {
	namespace, name string
	dimensions      map[string]string
	label, stat     string
}

// parse reads a dashboard body (CloudWatch API reference, "Dashboard body structure and
// syntax"). Metrics that are expressions are left out: they have no name.
func parse(body []byte) ([]widget, error) {
	var doc struct {
		Widgets []struct {
			Properties struct {
				Title   string              `json:"title"`
				Alarms  []string            `json:"alarms"`
				Metrics [][]json.RawMessage `json:"metrics"`
			} `json:"properties"`
		} `json:"widgets"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("read dashboard body: %w", err)
	}
	var out []widget
	for _, w := range doc.Widgets {
		shown := widget{title: w.Properties.Title, alarms: w.Properties.Alarms}
		for _, row := range w.Properties.Metrics {
			m, ok, err := parseMetric(row)
			if err != nil {
				return nil, fmt.Errorf("read dashboard body: widget %q: %w", w.Properties.Title, err)
			}
			if ok {
				shown.metrics = append(shown.metrics, m)
			}
		}
		out = append(out, shown)
	}
	return out, nil
}

// parseMetric reads [namespace, name, dimension, value, …, {options}].
func parseMetric(row []json.RawMessage) (m metric, ok bool, err error) {
	var options struct {
		Label string `json:"label"`
		Stat  string `json:"stat"`
	}
	var words []string
	for i, cell := range row {
		var word string
		if json.Unmarshal(cell, &word) == nil {
			words = append(words, word)
			continue
		}
		if i != len(row)-1 {
			return m, false, fmt.Errorf("metric %s is not words and options", row)
		}
		if err := json.Unmarshal(cell, &options); err != nil {
			return m, false, err
		}
	}
	if len(words) < 2 {
		return m, false, nil
	}
	m = metric{namespace: words[0], name: words[1], dimensions: map[string]string{}, label: options.Label, stat: options.Stat}
	for i := 2; i+1 < len(words); i += 2 {
		m.dimensions[words[i]] = words[i+1]
	}
	if m.label == "" {
		m.label = m.name
	}
	if m.stat == "" {
		m.stat = "Average"
	}
	return m, true, nil
}
