package main

import (
	"bytes"
	"context"
	"io"
	"math"
	"testing"
)

// FuzzEmbedded: a line of a log has no samples, or such that CloudWatch takes: numbers, by
// dimensions that the line names.
func FuzzEmbedded(f *testing.F) {
	for _, line := range []string{
		`{"_aws":{"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[["Stage"],[]],"Metrics":[{"Name":"Posts"},{"Name":"Wait"}]}]},"Stage":"s","Posts":3,"Wait":[1,2.5]}`,
		`{"_aws":{"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[["Stage","Stage","x"]],"Metrics":[{"Name":"_aws"},{"Name":""}]}]},"Stage":1,"Posts":"3"}`,
		`{"_aws":{"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[[]],"Metrics":[{"Name":"Posts"}]}]},"Posts":[1,2,3]}`,
		`{"_aws":null}`, `{"_aws":{"CloudWatchMetrics":[null]}}`, `REPORT RequestId: x`, `{}`, `[]`, ``,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		for _, s := range embedded(line) {
			for _, v := range s.values {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Errorf("%s is %v", s.name, s.values)
				}
			}
			if len(s.dimensions) > bytes.Count(line, []byte(":")) {
				t.Errorf("%s has the dimensions %v", s.name, s.dimensions)
			}
		}
	})
}

// FuzzParse: a dashboard's body is refused, or its widgets can be drawn.
func FuzzParse(f *testing.F) {
	for _, body := range []string{
		`{"widgets":[{"properties":{"title":"Posts","metrics":[["n","Posts","Stage","s",{"stat":"Sum","label":"posts"}]],"alarms":["arn:aws:cloudwatch:r:1:alarm:a"]}}]}`,
		`{"widgets":[{"properties":{"metrics":[[{"expression":"m1"}],["n"],["n","m","d"],[null,"x"],[[],1]]}},null]}`, `{"widgets":[{"type":"text","properties":{"markdown":"#"}}]}`, `null`, `[]`, `{"widgets":[{"properties":{"metrics":[["a","b",1,{}]]}}]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		widgets, err := parse(body)
		if err != nil {
			return
		}
		read := func(_ context.Context, metrics []metric) ([]value, error) { return make([]value, len(metrics)), nil }
		if err := render(t.Context(), io.Discard, widgets, nil, read); err != nil {
			t.Errorf("%q cannot be drawn: %v", body, err)
		}
	})
}
