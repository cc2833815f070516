package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

const everything = `S, account 123456789012, eu-west-1

dead letters: 5
REQUEST                     TENANT  AGE    READ  STATUS
01JGH000000000000000000001  acme    11m0s  51    PENDING, due for 1h0m
01JGH000000000000000000002  acme    9m0s   51    COMPLETED
01JGH000000000000000000003  acme    8m0s   51    RETRYING, due in 1h30m
01JGH000000000000000000007  acme    7m0s   51    no such request
garbage                     -       6m0s   51    unreadable: "{\x1b[31m not a hint, and ..."

open requests: 5
REQUEST                     STATUS      TRY  AGE   ACTION      OF        NOTE
01JGH000000000000000000001  PENDING     0/3  1h0m  echo_async  acme/ann  due for 1h0m
01JGH000000000000000000003  RETRYING    1/3  3h0m  echo_async  acme/ann  due in 1h30m
01JGH000000000000000000006  PROCESSING  1/3  1d2h  echo_async  acme/ann  due for 1d1h
01JGH000000000000000000004  PROCESSING  1/3  4m0s  echo_async  acme/ann
01JGH000000000000000000005  PENDING     0/3  50s   echo_async  acme/ann  due for 50s
`

func TestListShowsEverythingAndDoesNothing(t *testing.T) {
	w := mixed(t)
	out := w.must("dead-letters")
	if out != everything {
		t.Errorf("got\n%s\nwant\n%s", out, everything)
	}
	if strings.ContainsRune(out, '\x1b') {
		t.Errorf("a dead letter steers the terminal: %q", out)
	}
	w.did("dead-letters")
	if w.must("dead-letters") == "" || len(w.dead) != 5 {
		t.Errorf("after two lists there are %v", w.left())
	}
	w.did("list again")
}

func TestListOfNothing(t *testing.T) {
	if out := begin(t).must("dead-letters"); !strings.HasSuffix(out, "\n\ndead letters: 0\n\nopen requests: 0\n") {
		t.Errorf("got %s", out)
	}
}

// Nothing is done without a yes, and nobody is asked who is not there.
func TestItAsksFirst(t *testing.T) {
	for _, answer := range []string{"", "n\n", "yes\n", "\n"} {
		w := mixed(t)
		w.answer = answer
		out, err := w.run("resend", "-all", "-discard")
		w.did("resend without a yes")
		if !errors.Is(err, errRefused) || (answer == "") == strings.Contains(out, "Do that? [y]") || (answer == "") != strings.Contains(err.Error(), "-yes says yes") {
			t.Errorf("%q: %v\n%s", answer, err, out)
		}
		for _, want := range []string{"send a hint", "delete: it has ended", "keep: not due yet", "delete: no such request", "discard: unreadable"} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is not said:\n%s", want, out)
			}
		}
		if len(w.dead) != 5 {
			t.Errorf("without a yes it leaves %v", w.left())
		}
	}
	w := mixed(t)
	w.answer = "y\n"
	if out := w.must("resend", "-id", key(1).ID); !strings.Contains(out, "Do that? [y] selected: 1\n") || !strings.Contains(out, "send a hint  sent") {
		t.Errorf("got %s", out)
	}
	w.did("resend with a yes", "send "+key(1).ID, "delete waits")
}

// Nobody is asked when there is nothing to do.
func TestNothingToDoAsksNothing(t *testing.T) {
	for _, args := range [][]string{{"-id", key(3).ID}, {"-id", "garbage"}, {"-older-than", "1000h"}} {
		w := mixed(t)
		w.must(append([]string{"resend"}, args...)...)
		w.did(fmt.Sprint(args))
	}
}

func TestJSON(t *testing.T) {
	w := mixed(t)
	out := w.must("dead-letters", "--json")
	var all struct {
		Stage  where
		Answer struct {
			Letters []letterListed `json:"dead_letters"`
			Open    []listed
		}
	}
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if a := all.Answer; all.Stage.Stack != "S" || all.Stage.Account != "123456789012" || len(a.Letters) != 5 || len(a.Open) != 5 ||
		a.Letters[4].Body != "{\x1b[31m not a hint, and quite long" || a.Letters[0].ID != key(1).ID || a.Letters[0].Body != "" || a.Open[0].MaxAttempts != 3 {
		t.Errorf("got %+v", all)
	}
	out, err := w.run("resend", "--json", "-all") // the plan, and no more
	var plans struct{ Answer []plan }
	if jsonErr := json.Unmarshal([]byte(out), &plans); jsonErr != nil || !errors.Is(err, errRefused) || len(plans.Answer) != 8 || plans.Answer[0].Done != "" {
		t.Errorf("%v, %v: %s", err, jsonErr, out)
	}
	out = w.must("resend", "--json", "--yes", "-all")
	if err := json.Unmarshal([]byte(out), &plans); err != nil || plans.Answer[0].Done != "sent" || plans.Answer[0].Letters[0] != "waits" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestSendAll(t *testing.T) {
	w := mixed(t)
	before := map[int]string{}
	for n := 1; n <= 6; n++ {
		before[n] = fmt.Sprint(w.row(key(n)))
	}
	out := w.must("resend", "-all", "-yes")
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

	w.must("resend", "-all", "-yes")
	w.did("the second time", "send "+key(6).ID, "send "+key(1).ID, "send "+key(5).ID)

	w.now = w.now.Add(2 * time.Hour) // all are due
	w.must("resend", "-all", "-yes", "-discard")
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
		w.must(append([]string{"resend", "-yes"}, c.args...)...)
		w.did(fmt.Sprint(c.args), c.did...)
	}
	w := mixed(t)
	if _, err := w.run("resend", "-yes", "-id", key(1).ID, "-id", key(8).ID, "-id", "ended"); err == nil || !strings.Contains(err.Error(), key(8).ID+", ended") {
		t.Errorf("err is %v", err)
	}
	w.did("with ids that name nothing", "send "+key(1).ID, "delete waits")
}

func TestTwoDeadLettersOfOneRequestAreOneHint(t *testing.T) {
	w := begin(t)
	k := w.accept(1, time.Hour)
	w.bury("one", k, time.Minute)
	w.bury("two", k, 2*time.Minute)
	w.must("resend", "-all", "-yes")
	w.did("send", "send "+k.ID, "delete two", "delete one")
}

func TestManyDeadLetters(t *testing.T) {
	w := begin(t)
	for n := range 35 {
		w.bury(fmt.Sprint("m", n), w.accept(n, time.Hour), time.Duration(100-n)*time.Minute)
	}
	if out := w.must("dead-letters"); !strings.Contains(out, "dead letters: 35\n") || !strings.Contains(out, "open requests: 35\n") {
		t.Errorf("got %s", out)
	}
	w.must("resend", "-all", "-yes")
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
	out, err := w.run("resend", "-all", "-yes")
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
	out, err := w.run("resend", "-all", "-yes")
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
	if _, err := w.run("resend", "-all", "-yes", "-discard"); !errors.Is(err, away) {
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
	err := w.withLetters(ctx, func(found) ([]letter, error) { return nil, nil })
	if !errors.Is(err, context.Canceled) {
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
	w.terminal.out = &out
	c, err := parse([]string{"dead-letters"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.task(t.Context(), &w.session, nil); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "About 1 more dead letters are hidden") || !strings.Contains(out.String(), "dead letters: 4\n") {
		t.Errorf("got %s", &out)
	}
}
