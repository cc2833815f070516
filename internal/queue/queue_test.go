package queue_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/queue"
)

const id = "01JGH00000000000000000000A"

func TestEncodeAndDecode(t *testing.T) {
	for tenant, want := range map[string]string{
		"acme":        `{"v":1,"tenant":"acme","request_id":"` + id + `"}`,
		"a.B_c@d:e-f": `{"v":1,"tenant":"a.B_c@d:e-f","request_id":"` + id + `"}`,
		`a"#R#<é>`:    `{"v":1,"tenant":"a\"#R#\u003cé\u003e","request_id":"` + id + `"}`,
	} {
		key := lifecycle.Key{Tenant: tenant, ID: id}
		text, err := queue.Encode(key)
		if err != nil || text != want {
			t.Errorf("%s, err %v, want %s", text, err, want)
		}
		if got, err := queue.Decode(text); err != nil || got != key {
			t.Errorf("%s is read as %v, err %v", text, got, err)
		}
	}
	if got, err := queue.Decode(`{"v":1,"tenant":"acme","request_id":"` + id + `","new":true}`); err != nil || got.Tenant != "acme" {
		t.Errorf("a later addition is refused: %v, err %v", got, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, text := range []string{
		"", " ", "null", "1", `"x"`, "[]", "{}", "{", "Message Body",
		`{"tenant":"acme","request_id":"` + id + `"}`,
		`{"v":2,"tenant":"acme","request_id":"` + id + `"}`,
		`{"v":"1","tenant":"acme","request_id":"` + id + `"}`,
		`{"v":1,"request_id":"` + id + `"}`,
		`{"v":1,"tenant":"","request_id":"` + id + `"}`,
		`{"v":1,"tenant":7,"request_id":"` + id + `"}`,
		`{"v":1,"tenant":"acme"}`,
		`{"v":1,"tenant":"acme","request_id":""}`,
		`{"v":1,"tenant":"acme","request_id":"../01JGH000000000000000000"}`,
		`{"v":1,"tenant":"acme","request_id":"` + strings.ToLower(id) + `"}`,
		`{"v":1,"tenant":"acme","request_id":"` + id + `0"}`,
	} {
		if key, err := queue.Decode(text); err == nil {
			t.Errorf("%s is read as %v", text, key)
		}
	}
	if _, err := queue.Decode(`{"v":1,"tenant":"` + strings.Repeat("x", 100_000) + `"}`); err == nil || len(err.Error()) > 400 {
		t.Errorf("a body of 100 KB is told of in %d bytes", len(err.Error()))
	}
}

// call is one that SQS got.
type call struct {
	Operation         string `json:"-"`
	QueueUrl          string
	ReceiptHandle     string
	VisibilityTimeout int
	Entries           []entry
}

type entry struct {
	Id                      string
	MessageBody             string
	MessageSystemAttributes map[string]struct{ DataType, StringValue string }
}

// service is as much of SQS as queue uses. answer gives the status and the body for the
// nth call, from 1.
func service(t *testing.T, answer func(n int) (int, string)) (queue.Work, *[]call) {
	t.Helper()
	var calls []call
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := call{Operation: strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")}
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
			t.Error(err)
		}
		calls = append(calls, c)
		status, body := answer(len(calls))
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	client := sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
		Retryer: aws.NopRetryer{}, DisableMessageChecksumValidation: true,
	})
	return queue.Work{Client: client, URL: server.URL + "/123456789012/work"}, &calls
}

func taken(int) (int, string) { return 200, `{"Successful":[],"Failed":[]}` }

func hints(n int) []queue.Hint {
	out := make([]queue.Hint, n)
	for i := range out {
		out[i].Key = lifecycle.Key{Tenant: fmt.Sprint("t", i), ID: id}
	}
	return out
}

func TestSendSplitsByTen(t *testing.T) {
	for n, want := range map[int][]int{0: nil, 1: {1}, 10: {10}, 11: {10, 1}, 25: {10, 10, 5}, 100: {10, 10, 10, 10, 10, 10, 10, 10, 10, 10}} {
		work, calls := service(t, taken)
		if err := work.Send(t.Context(), hints(n)); err != nil {
			t.Fatal(err)
		}
		var sizes []int
		sent := 0
		for _, c := range *calls {
			if c.Operation != "SendMessageBatch" || c.QueueUrl != work.URL {
				t.Errorf("call %+v", c)
			}
			sizes = append(sizes, len(c.Entries))
			ids := map[string]bool{}
			for _, e := range c.Entries {
				ids[e.Id] = true
				if key, err := queue.Decode(e.MessageBody); err != nil || key.Tenant != fmt.Sprint("t", sent) || e.MessageSystemAttributes != nil {
					t.Errorf("entry %d is %+v, err %v", sent, e, err)
				}
				sent++
			}
			if len(ids) != len(c.Entries) {
				t.Errorf("two entries share an id: %+v", c.Entries)
			}
		}
		if !slices.Equal(sizes, want) {
			t.Errorf("%d hints in calls of %v, want %v", n, sizes, want)
		}
	}
}

func TestSendHandsOnTheTrace(t *testing.T) {
	const root = "Root=1-63c9b2b6-2f9a1e3c4d5b6a7889900aab"
	for trace, handed := range map[string]bool{
		root: true,
		root + ";Parent=53995c3f42cd8ad8;Sampled=1":                               true,
		root + ";Parent=53995c3f42cd8ad8;Sampled=0;Lineage=a87bd80c:0|68fd508a:5": true,
		"Self=1-67891234-12456789abcdef012345678;" + root:                         true,
		"":                        false,
		"trace":                   false,
		"Root=1-63c9b2b6":         false,
		root + "0":                false,
		root + ";":                false,
		root + "\n":               false,
		root + ";Sampled=1;x":     false,
		root + ";Parent=a b":      false,
		"Parent=53995c3f42cd8ad8": false,
	} {
		work, calls := service(t, taken)
		all := hints(2)
		all[1].Trace = trace
		if err := work.Send(t.Context(), all); err != nil {
			t.Fatal(err)
		}
		var want map[string]struct{ DataType, StringValue string }
		if handed {
			want = map[string]struct{ DataType, StringValue string }{"AWSTraceHeader": {"String", trace}}
		}
		if entries := (*calls)[0].Entries; entries[0].MessageSystemAttributes != nil || !reflect.DeepEqual(entries[1].MessageSystemAttributes, want) {
			t.Errorf("%q: entries %+v", trace, entries)
		}
	}
}

func TestSendFails(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(n int) (int, string)
		calls  int
		want   string
	}{
		"a part refused": {
			func(n int) (int, string) {
				if n == 2 {
					return 200, `{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"x"}],"Failed":[{"Id":"3","Code":"InternalError","Message":"try again","SenderFault":false},{"Id":"4","Code":"x"}]}`
				}
				return taken(n)
			}, 2, "2 of 10 refused, the first with InternalError: try again",
		},
		"refused without words": {
			func(int) (int, string) { return 200, `{"Failed":[{"Id":"3"}]}` }, 1, "1 of 10 refused",
		},
		"the call refused": {
			func(int) (int, string) {
				return 400, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no such queue"}`
			}, 1, "no such queue",
		},
		"no answer": {func(int) (int, string) { return 503, "" }, 1, "send hints"},
	} {
		work, calls := service(t, c.answer)
		if err := work.Send(t.Context(), hints(25)); err == nil || !strings.Contains(err.Error(), c.want) || len(*calls) != c.calls {
			t.Errorf("%s: err %v after %d calls, want %s after %d", name, err, len(*calls), c.want, c.calls)
		}
	}
}

func TestHold(t *testing.T) {
	for d, seconds := range map[time.Duration]int{
		-time.Second: 0, 0: 0, 1: 1, time.Second: 1, time.Second + 1: 2, 59500 * time.Millisecond: 60, 12 * time.Hour: 43200, 1000 * time.Hour: 43200,
	} {
		work, calls := service(t, func(int) (int, string) { return 200, "{}" })
		if err := work.Hold(t.Context(), "handle", d); err != nil {
			t.Fatal(err)
		}
		want := []call{{Operation: "ChangeMessageVisibility", QueueUrl: work.URL, ReceiptHandle: "handle", VisibilityTimeout: seconds}}
		if !reflect.DeepEqual(*calls, want) {
			t.Errorf("%s: %+v", d, *calls)
		}
	}
	work, _ := service(t, func(int) (int, string) {
		return 400, `{"__type":"com.amazonaws.sqs#ReceiptHandleIsInvalid","message":"The receipt handle has expired"}`
	})
	if err := work.Hold(t.Context(), "old", time.Second); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("err is %v", err)
	}
}
