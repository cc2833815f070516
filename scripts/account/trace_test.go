package main

import (
	"strings"
	"testing"
)

func TestJudgeTraces(t *testing.T) {
	documents := []string{
		`{"id":"1","name":"streamer.message","parent_id":"0","subsegments":[{"id":"2","name":"put"}]}`, `{"id":"0","name":"Streamer-Router"}`,
		`{"id":"3","name":"streamer.send","parent_id":"1"}`, `{"id":"4","name":"streamer.queue","parent_id":"3"}`,
		`{"id":"5","name":"streamer.attempt","parent_id":"3","subsegments":[{"id":"6","name":"claim"},{"id":"7","name":"handler"},{"id":"8","name":"complete"},{"id":"9","name":"post"}]}`,
	}
	if a, err := judge(documents); err != nil || !a.agrees {
		t.Errorf("a whole trace: %+v, err %v", a, err)
	}
	for i, lacks := range map[int]string{0: "streamer.send hangs below 1", 1: "streamer.message hangs below 0", 2: "streamer.queue hangs below 3", 3: "", 4: ""} {
		short := append(append([]string{}, documents[:i]...), documents[i+1:]...)
		if a, err := judge(short); err != nil || a.agrees || !strings.Contains(a.seen, lacks) {
			t.Errorf("without document %d: %+v, err %v", i, a, err)
		}
	}
	if _, err := judge([]string{"{"}); err == nil {
		t.Error("what is no segment is one")
	}
}
