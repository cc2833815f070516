package main

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/pay-theory/streamer/internal/lifecycle"
)

// FuzzLetter: a dead letter names a request by its canonical id or is unreadable, and
// showing it does not steer the terminal.
func FuzzLetter(f *testing.F) {
	for _, body := range []string{
		`{"v":1,"tenant":"acme","request_id":"01JGH00000000000000000000A"}`, `{"v":1,"tenant":"\u001b[2J\n","request_id":"01JGH00000000000000000000A"}`,
		`{"v":1,"tenant":"\u202e\u009b日本","request_id":"01JGH00000000000000000000A"}`, "{\x1b[31m not a hint", "", `{"v":1}`,
	} {
		f.Add("m-1", body, "1767225600123", "3")
	}
	f.Add("m-1", "x", "9223372036854775807", "-1")
	f.Add("m-1", "x", "-9223372036854775808", "x")
	now := time.UnixMilli(1_767_225_900_000)
	f.Fuzz(func(t *testing.T, id, body, sent, received string) {
		for _, r := range id {
			if !unicode.IsPrint(r) {
				return // SQS makes the ids
			}
		}
		l := decode(types.Message{MessageId: &id, ReceiptHandle: aws.String("h"), Body: &body, Attributes: map[string]string{
			"SentTimestamp": sent, "ApproximateReceiveCount": received,
		}})
		if readable := l.unreadable == nil; readable != lifecycle.ValidID(l.key.ID) || readable && l.key.Tenant == "" {
			t.Errorf("%q is read as %+v", body, l)
		}
		var out strings.Builder
		all := gather([]letter{l}, nil, nil)
		if err := show(&out, all, nil, now); err != nil {
			t.Fatal(err)
		}
		if err := tell(&out, all, false); err != nil {
			t.Fatal(err)
		}
		for _, c := range out.String() {
			if c != '\n' && !unicode.IsPrint(c) {
				t.Fatalf("%q shows %q in %q", body, c, out.String())
			}
		}
	})
}
