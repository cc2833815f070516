package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
)

// a world with one request of each kind: 1 waits with a dead letter, 2 has ended, 3 backs
// off, 4 runs, 5 waits without a dead letter, 6 was left by its worker, 7 is unknown, and
// one dead letter nobody can read.
func mixed(t *testing.T) *world {
	w := begin(t)
	for n, ago := range map[int]time.Duration{1: time.Hour, 2: 2 * time.Hour, 3: 3 * time.Hour, 4: 4 * time.Minute, 5: 50 * time.Second, 6: 26 * time.Hour} {
		w.accept(n, ago)
	}
	for _, n := range []int{2, 3, 4, 6} {
		w.update(key(n), lifecycle.Claim("m", "o", w.now, 30*time.Second))
	}
	w.update(key(2), lifecycle.Complete(1, lifecycle.Outcome{Result: "1"}, 1, w.now))
	w.update(key(3), lifecycle.Retry(1, w.now.Add(90*time.Minute), "X", "x"))
	w.update(key(6), lifecycle.Pulse(1, lifecycle.State{}, w.now.Add(-25*time.Hour), 0, nil))
	w.bury("ended", key(2), 9*time.Minute)
	w.bury("waits", key(1), 11*time.Minute)
	w.bury("backs off", key(3), 8*time.Minute)
	w.bury("unknown", key(7), 7*time.Minute)
	w.buryText("garbage", "{\x1b[31m not a hint, and quite long", 6*time.Minute)
	return w
}

const listed = `dead letters: 5
  REQUEST                         TENANT  STATUS                   RECEIVED  AGE    MESSAGE
  01JGH000000000000000000001      acme    PENDING, due for 1h0m    51        11m0s  waits
  01JGH000000000000000000002      acme    COMPLETED                51        9m0s   ended
  01JGH000000000000000000003      acme    RETRYING, due in 1h30m   51        8m0s   backs off
  01JGH000000000000000000007      acme    no such request          51        7m0s   unknown
  "{\x1b[31m not a hint, and ..."  -       unreadable             51        6m0s   garbage

open requests: 5
  REQUEST                     TENANT  ACTION      STATUS      ATTEMPT  AGE    WAITING       HINTS
  01JGH000000000000000000001  acme    echo_async  PENDING     0 of 3   1h0m   due for 1h0m  0
  01JGH000000000000000000003  acme    echo_async  RETRYING    1 of 3   3h0m   due in 1h30m  0
  01JGH000000000000000000006  acme    echo_async  PROCESSING  1 of 3   1d2h   due for 1d1h  0
  01JGH000000000000000000004  acme    echo_async  PROCESSING  1 of 3   4m0s   due in 30s    0
  01JGH000000000000000000005  acme    echo_async  PENDING     0 of 3   50s    due for 50s   0
`

// words ignores how wide the columns are.
func words(s string) []string {
	var lines []string
	for line := range strings.Lines(s) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}

func TestListShowsEverythingAndDoesNothing(t *testing.T) {
	w := mixed(t)
	out := w.must("list")
	if got, want := words(out), words(listed); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if strings.ContainsRune(out, '\x1b') {
		t.Errorf("a dead letter steers the terminal: %q", out)
	}
	w.did("list")
	if w.must("list") == "" || len(w.dead) != 5 {
		t.Errorf("after two lists there are %v", w.left())
	}
	w.did("list again")
}

func TestListOfNothing(t *testing.T) {
	if out := begin(t).must("list"); out != "dead letters: 0\n\nopen requests: 0\n" {
		t.Errorf("got %s", out)
	}
}

func TestDryRunDoesNothing(t *testing.T) {
	w := mixed(t)
	out := w.must("send", "-all", "-discard")
	w.did("dry run")
	for _, want := range []string{"-yes does it", "send a hint", "the request has ended", "not due yet", "no such request any more", "discard: nobody"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said:\n%s", want, out)
		}
	}
	if len(w.dead) != 5 {
		t.Errorf("the dry run leaves %v", w.left())
	}
}

func TestSendAll(t *testing.T) {
	w := mixed(t)
	before := map[int]string{}
	for n := 1; n <= 6; n++ {
		before[n] = fmt.Sprint(w.row(key(n)))
	}
	out := w.must("send", "-all", "-yes")
	// Each dead letter goes after its hint; hints also for 5 and 6, which have none.
	w.did("send -all", "delete ended", "delete unknown",
		"send "+key(1).ID, "send "+key(6).ID, "send "+key(5).ID, "delete waits")
	if left := w.left(); !slices.Equal(left, []string{"backs off", "garbage"}) {
		t.Errorf("left are %v", left)
	}
	if !strings.Contains(out, "selected: 8\n") {
		t.Errorf("got %s", out)
	}
	for n, was := range before {
		if is := fmt.Sprint(w.row(key(n))); is != was {
			t.Errorf("row %d is %s, was %s", n, is, was)
		}
	}

	w.must("send", "-all", "-yes")
	w.did("the second time", "send "+key(6).ID, "send "+key(1).ID, "send "+key(5).ID)

	w.now = w.now.Add(2 * time.Hour) // all are due
	w.must("send", "-all", "-yes", "-discard")
	w.did("later", "delete garbage",
		"send "+key(3).ID, "send "+key(6).ID, "send "+key(1).ID, "send "+key(4).ID, "send "+key(5).ID, "delete backs off")
}

func TestSelection(t *testing.T) {
	for _, c := range []struct {
		args []string
		did  []string
	}{
		{[]string{"-id", key(1).ID}, []string{"send " + key(1).ID, "delete waits"}},
		{[]string{"-id", key(2).ID, "-id", key(5).ID}, []string{"delete ended", "send " + key(5).ID}},
		{[]string{"-id", key(3).ID}, nil},
		{[]string{"-id", "garbage"}, nil},
		{[]string{"-id", "garbage", "-discard"}, []string{"delete garbage"}},
		{[]string{"-older-than", "10m"}, []string{"send " + key(1).ID, "send " + key(6).ID, "delete waits"}},
		{[]string{"-older-than", "510s", "-discard"}, []string{"delete ended", "send " + key(1).ID, "send " + key(6).ID, "delete waits"}},
		{[]string{"-older-than", "24h"}, []string{"send " + key(6).ID}},
		{[]string{"-older-than", "1000h"}, nil},
	} {
		w := mixed(t)
		w.must(append([]string{"send", "-yes"}, c.args...)...)
		w.did(fmt.Sprint(c.args), c.did...)
	}
	w := mixed(t)
	if _, err := w.run("send", "-yes", "-id", key(1).ID, "-id", key(8).ID, "-id", "ended"); err == nil || !strings.Contains(err.Error(), key(8).ID+", ended") {
		t.Errorf("err is %v", err)
	}
	w.did("with ids that name nothing", "send "+key(1).ID, "delete waits")
}

func TestTwoDeadLettersOfOneRequestAreOneHint(t *testing.T) {
	w := begin(t)
	k := w.accept(1, time.Hour)
	w.bury("one", k, time.Minute)
	w.bury("two", k, 2*time.Minute)
	w.must("send", "-all", "-yes")
	w.did("send", "send "+k.ID, "delete two", "delete one")
}

func TestManyDeadLetters(t *testing.T) {
	w := begin(t)
	for n := range 35 {
		w.bury(fmt.Sprint("m", n), w.accept(n, time.Hour), time.Duration(100-n)*time.Minute)
	}
	if out := w.must("list"); !strings.Contains(out, "dead letters: 35\n") || !strings.Contains(out, "open requests: 35\n") {
		t.Errorf("got %s", out)
	}
	w.must("send", "-all", "-yes")
	if len(w.dead) != 0 || len(w.steps) != 70 {
		t.Errorf("%d are left after %d steps", len(w.dead), len(w.steps))
	}
}

// TestARefusedHintKeepsItsDeadLetter, and those of the hints that went with it, but no
// others.
func TestARefusedHintKeepsItsDeadLetter(t *testing.T) {
	w := begin(t)
	for n := range 25 {
		w.bury(fmt.Sprint("m", n), w.accept(n, time.Hour), time.Duration(100-n)*time.Minute)
	}
	w.fail["send "+key(13).ID] = true
	out, err := w.run("send", "-all", "-yes")
	if err == nil || !strings.Contains(err.Error(), key(13).ID+" refused") || strings.Count(out, "not sent") != 10 {
		t.Errorf("err %v\n%s", err, out)
	}
	if left := w.left(); len(left) != 10 || left[0] != "m10" || left[9] != "m19" {
		t.Errorf("left are %v", left)
	}
}

func TestADeadLetterThatIsNotDeletedIsSaid(t *testing.T) {
	w := begin(t)
	w.bury("one", w.accept(1, time.Hour), 2*time.Minute)
	w.bury("two", w.accept(2, time.Hour), time.Minute)
	w.fail["DeleteMessage one"] = true
	out, err := w.run("send", "-all", "-yes")
	if err == nil || !strings.Contains(err.Error(), "delete dead letter one") || !strings.Contains(out, "sent, dead letter kept") {
		t.Errorf("err %v\n%s", err, out)
	}
	w.did("send", "send "+key(1).ID, "send "+key(2).ID, "delete two")
}

// unreadable is a table that does not answer.
type unreadable struct {
	*store.Memory
	err error
}

func (u unreadable) Get(context.Context, lifecycle.Key) (lifecycle.Row, bool, error) {
	return lifecycle.Row{}, false, u.err
}

func TestATableThatIsAwayLosesNothing(t *testing.T) {
	w := mixed(t)
	away := errors.New("table is away")
	w.requests = unreadable{w.table, away}
	if _, err := w.run("send", "-all", "-yes", "-discard"); !errors.Is(err, away) {
		t.Errorf("err is %v", err)
	}
	w.did("send")
}

// interrupted is a table during whose reading the operator gives up.
type interrupted struct {
	*store.Memory
	stop func()
}

func (i interrupted) Get(ctx context.Context, k lifecycle.Key) (lifecycle.Row, bool, error) {
	i.stop()
	return i.Memory.Get(ctx, k)
}

func TestAnInterruptedRunHidesNothing(t *testing.T) {
	w := mixed(t)
	ctx, stop := context.WithCancel(t.Context())
	w.requests = interrupted{w.table, stop}
	if err := w.redrive(ctx, command{list: true, selection: selection{all: true}}, w.now, &strings.Builder{}); !errors.Is(err, context.Canceled) {
		t.Errorf("err is %v", err)
	}
	for _, m := range w.dead {
		if m.hidden {
			t.Errorf("dead letter %s stays hidden", m.id)
		}
	}
}

func TestHiddenDeadLettersAreSaid(t *testing.T) {
	w := mixed(t)
	w.dead[0].hidden = true
	var out strings.Builder
	if err := w.redrive(t.Context(), command{list: true}, w.now, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "About 1 more dead letters are hidden") || !strings.Contains(out.String(), "dead letters: 4\n") {
		t.Errorf("got %s", &out)
	}
}

func TestParse(t *testing.T) {
	for line, want := range map[string]string{
		"list":                       "",
		"send -all":                  "",
		"send -id x -id y -yes":      "",
		"send -older-than 5m":        "",
		"":                           "say list or send",
		"-yes":                       "say list or send first",
		"drop -all":                  `"drop" is neither`,
		"list -all":                  "list takes no flags",
		"list all":                   `"all" is not a flag`,
		"send":                       "say which with one of",
		"send -yes":                  "say which with one of",
		"send -all -id x":            "say which with one of",
		"send -all -older-than 5m":   "say which with one of",
		"send -older-than -5m":       "must be above zero",
		"send -older-than 5":         "invalid value",
		"send -id= -yes":             "no id",
		"send -all -yes -- whatever": `"whatever" is not a flag`,
	} {
		var out strings.Builder
		_, err := parse(strings.Fields(line), &out)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: err %v, want %q", line, err, want)
		}
	}
	c, err := parse(strings.Fields("send -id x"), &strings.Builder{})
	if err != nil || c.yes || c.discard || c.list || !slices.Equal(c.ids, []string{"x"}) {
		t.Errorf("%+v, err %v", c, err)
	}
}

func TestReadStageSaysWhatIsMissing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "outputs.json")
	if err := os.WriteFile(file, []byte(`{"S":{"WebSocketUrl":"wss://x","WorkQueueUrl":"w"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"": "STREAMER_OUTPUTS is not set", file: "no output RequestsTableName\nstack S has no output DeadLetterQueueUrl"} {
		if _, err := readStage(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: err %v", path, err)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 400 * time.Millisecond: "0s", 59600 * time.Millisecond: "1m0s", 90 * time.Minute: "1h30m", 49*time.Hour + time.Minute: "2d1h",
	} {
		if got := span(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}
