package main

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pay-theory/streamer/internal/logs"
)

// fromLogs reads the embedded metrics that the stack's functions logged.
func fromLogs(ctx context.Context, cfg aws.Config, stack string, from time.Time) (func(context.Context, []metric) ([]value, error), error) {
	groups, err := logs.Groups(ctx, cfg, stack)
	if err != nil {
		return nil, err
	}
	lines, err := logs.Read(ctx, cfg, groups, from, "CloudWatchMetrics")
	if err != nil {
		return nil, err
	}
	var samples []sample
	for _, line := range lines {
		samples = append(samples, embedded([]byte(line.Message))...)
	}
	return func(_ context.Context, metrics []metric) ([]value, error) {
		out := make([]value, len(metrics))
		for i, m := range metrics {
			out[i] = measure(m, samples)
		}
		return out, nil
	}, nil
}

// sample is the values of one metric in one line of a log.
type sample struct {
	namespace, name string
	dimensions      map[string]string
	values          []float64
}

// embedded reads a line in CloudWatch's embedded metric format; any other line has no
// samples.
func embedded(line []byte) []sample {
	var head struct {
		AWS struct {
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name string }
			}
		} `json:"_aws"`
	}
	members := map[string]json.RawMessage{}
	if json.Unmarshal(line, &head) != nil || json.Unmarshal(line, &members) != nil {
		return nil
	}
	var out []sample
	for _, directive := range head.AWS.CloudWatchMetrics {
		for _, set := range directive.Dimensions {
			dimensions := map[string]string{}
			for _, name := range set {
				var text string
				if json.Unmarshal(members[name], &text) == nil {
					dimensions[name] = text
				}
			}
			for _, m := range directive.Metrics {
				out = append(out, sample{directive.Namespace, m.Name, dimensions, numbers(members[m.Name])})
			}
		}
	}
	return out
}

func numbers(raw json.RawMessage) []float64 {
	var one float64
	if json.Unmarshal(raw, &one) == nil {
		return []float64{one}
	}
	var many []float64
	_ = json.Unmarshal(raw, &many) // anything else is no value
	return many
}

// measure applies a metric's statistic to the samples that are its own.
func measure(m metric, samples []sample) value {
	var all []float64
	known := false
	for _, s := range samples {
		if s.namespace == m.namespace && equal(s.dimensions, m.dimensions) {
			known = true
			if s.name == m.name {
				all = append(all, s.values...)
			}
		}
	}
	if !known {
		return value{}
	}
	if len(all) == 0 {
		return value{known: m.stat == "Sum"} // nothing happened
	}
	slices.Sort(all)
	return value{known: true, number: statistic(m.stat, all)}
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// statistic is of sorted values, at least one.
func statistic(name string, sorted []float64) float64 {
	sum := 0.0
	for _, v := range sorted {
		sum += v
	}
	switch {
	case name == "Sum":
		return sum
	case name == "Maximum":
		return sorted[len(sorted)-1]
	case name == "Minimum":
		return sorted[0]
	case strings.HasPrefix(name, "p"):
		if p, err := strconv.ParseFloat(name[1:], 64); err == nil && p > 0 && p <= 100 {
			return sorted[max(int(math.Ceil(p/100*float64(len(sorted))))-1, 0)]
		}
	}
	return sum / float64(len(sorted))
}
