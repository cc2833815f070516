package queue_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pay-theory/streamer/internal/queue"
)

const twoWorkers = `{"reports":{"actions":["report","export"],"queue":"R"},"video":{"actions":["encode"],"queue":"V"}}`

func TestWorkersOf(t *testing.T) {
	w, err := queue.ParseWorkers(twoWorkers)
	if err != nil {
		t.Fatal(err)
	}
	for action, want := range map[string]string{"report": "reports", "export": "reports", "encode": "video", "echo": "", "": ""} {
		if got := w.Of(action); got != want {
			t.Errorf("%s is of %q, want %q", action, got, want)
		}
	}
	if none, err := queue.ParseWorkers(""); err != nil || none.Of("report") != "" {
		t.Errorf("without workers: %v, err %v", none, err)
	}
}

func TestBadWorkersAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		`reports`:                            "invalid character",
		`[]`:                                 "array",
		`{"reports":{"queue":"R"}}`:          `"reports"`,
		`{"reports":{"actions":["a"]}}`:      `"reports"`,
		`{"":{"actions":["a"],"queue":"R"}}`: `worker ""`,
		`{"one":{"actions":["a"],"queue":"R"},"two":{"actions":["b","a"],"queue":"S"}}`: "a is an action of one and of two",
		`{"one":{"actions":["a","a"],"queue":"R"}}`:                                     "a is an action of one and of one",
	} {
		if _, err := queue.ParseWorkers(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: err is %v, want %s", text, err, want)
		}
	}
}

func TestEachHintGoesToTheQueueOfItsAction(t *testing.T) {
	workers, err := queue.ParseWorkers(twoWorkers)
	if err != nil {
		t.Fatal(err)
	}
	away := func(n int) (int, string) {
		if n == 1 {
			return 400, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"gone"}`
		}
		return taken(n)
	}
	for name, c := range map[string]struct {
		answer func(int) (int, string)
		fails  bool
	}{"all there": {taken, false}, "the first is away": {away, true}} {
		work, calls := service(t, c.answer)
		hints := hints(25)
		for i := range hints {
			hints[i].Action = []string{"report", "echo", "export", "encode", ""}[i%5]
		}
		if err := workers.Queues(work).Send(t.Context(), hints); (err != nil) != c.fails {
			t.Errorf("%s: err is %v", name, err)
		}
		got := map[string][]string{}
		for _, call := range *calls {
			for _, e := range call.Entries {
				got[call.QueueUrl] = append(got[call.QueueUrl], e.MessageBody)
			}
		}
		for url, remainders := range map[string][]int{"R": {0, 2}, work.URL: {1, 4}, "V": {3}} {
			var want []string
			for i, h := range hints {
				body, err := queue.Encode(h.Key)
				if err != nil {
					t.Fatal(err)
				}
				if slices.Contains(remainders, i%5) {
					want = append(want, body)
				}
			}
			if !slices.Equal(got[url], want) {
				t.Errorf("%s: queue %s got %v, want %v", name, url, got[url], want)
			}
		}
	}
}
