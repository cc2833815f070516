package streamer_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
)

type action = streamer.Action[struct{}, struct{}]

func nothing(context.Context, *streamer.Request[struct{}], streamer.Reporter[struct{}]) error {
	return nil
}

func TestRegistryKnowsWhatIsBound(t *testing.T) {
	r, err := streamer.NewRegistry(
		action{Name: "z", Async: true}, action{Name: "a", Async: true}, action{Name: "b", Async: true}.Bind(nothing),
		action{Name: "sync"}, action{Name: "bound"}.Bind(nothing),
	)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Unbound(true); !slices.Equal(got, []string{"a", "z"}) {
		t.Errorf("unbound async actions: %v", got)
	}
	if got := r.Unbound(false); !slices.Equal(got, []string{"sync"}) {
		t.Errorf("unbound sync actions: %v", got)
	}
	for name, want := range map[string]struct{ known, bound bool }{"a": {true, false}, "b": {true, true}, "bound": {true, true}, "nope": {}, "": {}} {
		entry, known := r.Lookup(name)
		if known != want.known || (known && entry.Spec().Name != name) {
			t.Errorf("lookup of %q: %v, %v", name, entry, known)
		}
		binding, bound := r.Binding(name)
		if bound != want.bound || (bound && binding.Spec().Name != name) {
			t.Errorf("binding of %q: %v", name, bound)
		}
	}
}

func TestRegistryRefusesBadSpecs(t *testing.T) {
	for _, c := range []struct {
		entries []streamer.Entry
		want    string
	}{
		{[]streamer.Entry{action{}}, `action "": Name is not 1 to 64`},
		{[]streamer.Entry{action{Name: "Echo"}}, `action "Echo": Name is not`},
		{[]streamer.Entry{action{Name: "1st"}}, `action "1st": Name is not`},
		{[]streamer.Entry{action{Name: strings.Repeat("a", 65)}}, "Name is not 1 to 64"},
		{[]streamer.Entry{action{Name: "streamer.echo"}}, `Name begins with "streamer."`},
		{[]streamer.Entry{action{Name: "a", Timeout: -1}}, "Timeout is -1ns: at most 25s"},
		{[]streamer.Entry{action{Name: "a", Timeout: 26 * time.Second}}, "Timeout is 26s: at most 25s"},
		{[]streamer.Entry{action{Name: "a", Async: true, Timeout: 15 * time.Minute}}, "Timeout is 15m0s: at most 14m0s"},
		{[]streamer.Entry{action{Name: "a", Attempts: 2}}, "a sync action is tried once"},
		{[]streamer.Entry{action{Name: "a", Async: true, Attempts: 11}}, "Attempts is 11: 1 to 10"},
		{[]streamer.Entry{action{Name: "a", Async: true, Attempts: -1}}, "Attempts is -1: 1 to 10"},
		{[]streamer.Entry{action{Name: "a", Backoff: streamer.Backoff{First: 1}}}, "Backoff is set: a sync action is tried once"},
		{[]streamer.Entry{action{Name: "a", Async: true, Backoff: streamer.Backoff{First: -1}}}, `action "a": Backoff.First is -1ns: at most 11h0m0s`},
		{[]streamer.Entry{action{Name: "a", Async: true, Backoff: streamer.Backoff{First: 11*time.Hour + 1}}}, "Backoff.Most is 11h0m0.000000001s: at most 11h0m0s"},
		{[]streamer.Entry{action{Name: "a", Async: true, Backoff: streamer.Backoff{Most: 12 * time.Hour}}}, "Backoff.Most is 12h0m0s: at most 11h0m0s"},
		{[]streamer.Entry{action{Name: "a", Async: true, Backoff: streamer.Backoff{Most: -1}}}, "Backoff.Most is -1ns"},
		{[]streamer.Entry{action{Name: "a", Async: true, Backoff: streamer.Backoff{First: 2, Most: 1}}}, "Backoff.First is 2ns: at most Backoff.Most, which is 1ns"},
		{[]streamer.Entry{action{Name: "a"}, action{Name: "a", Async: true}.Bind(nothing)}, `action "a": declared twice`},
	} {
		if _, err := streamer.NewRegistry(c.entries...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("err is %v, want %s", err, c.want)
		}
	}
	if _, err := streamer.NewRegistry(
		action{Name: "streamer", Timeout: 25 * time.Second, Attempts: 1}, action{Name: strings.Repeat("a", 64), Async: true, Timeout: 14 * time.Minute, Attempts: 10, Backoff: streamer.Backoff{First: streamer.MaxWait, Most: streamer.MaxWait}},
	); err != nil {
		t.Errorf("at its bounds: %v", err)
	}
}
