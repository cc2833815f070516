package main

import (
	"encoding/json"
)

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
