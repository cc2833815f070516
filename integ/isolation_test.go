package integ_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/pay-theory/streamer/protocol"
)

// Whose a request is does not show: to everyone else it is one that never was.
func TestForeignRequestsAreUnknown(t *testing.T) {
	t.Parallel()
	u := fresh()
	owner := dial(t, u)
	running := owner.submit(t, "echo_async", echoAsync{"private", 6000, 12})
	done := owner.submit(t, "echo_async", echoAsync{"private", 0, 1})
	owner.end(t, done)
	owner.progress(t, running)

	const unknown = "01JAAAAAAAAAAAAAAAAAAAAAAA"
	ids := []string{
		unknown, running, done,
		"x", strings.ToLower(done), done + "0", done[1:], "../" + done[3:], "T#" + u.tenant + "#R#" + done,
		"ILOU" + done[4:], "日本" + done[6:], strings.Repeat("0", 5000), "' OR 1=1 --", "null", " " + done[1:],
	}
	for name, stranger := range map[string]*client{
		"another user of the tenant": dial(t, user{u.tenant, "bob"}),
		"another tenant":             dial(t, user{fresh().tenant, u.name}),
	} {
		for _, action := range []string{protocol.ActionGet, protocol.ActionSubscribe, protocol.ActionUnsubscribe, protocol.ActionCancel} {
			var want []byte
			for _, id := range ids {
				f := stranger.about(t, action, id)
				refused(t, f, protocol.NotFound)
				got := sameForAll(f)
				if want == nil {
					want = got // the unknown one's
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%s, %s of %.40q is answered\n%s\nand of an unknown one\n%s", name, action, id, got, want)
				}
			}
		}
		if seen := stranger.frames(func(f frame) bool { return f.RequestID != "" }); len(seen) != 0 {
			t.Errorf("%s saw %s", name, last(seen))
		}
	}
	// None of it touched the request.
	if f := as[protocol.Complete](t, owner.end(t, running)); string(f.Result) != `{"message":"private"}` {
		t.Errorf("got %+v", f)
	}
}

// id and ts are what an answer has of its own.
var own = regexp.MustCompile(`"(id":"[^"]*"|ts":\d+)`)

func sameForAll(f frame) []byte { return own.ReplaceAll(f.raw, []byte(`"…"`)) }
