package backend

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// Whatever a service does for a user is recorded as that user's.
func TestAudit(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		key := &SubmitOptions{IdempotencyKey: "k"}
		run := w.submit(key)
		w.submit(key)
		if _, err := Submit(t.Context(), w.ann(), resize, resizeIn{}, nil); err == nil {
			t.Error("submitted without images")
		}
		if _, err := w.As("acme", "bob").Get(t.Context(), run.ID()); err == nil {
			t.Error("bob got ann's")
		}
		if _, err := w.As("acme", "bob").Cancel(t.Context(), run.ID()); err == nil {
			t.Error("bob cancelled ann's")
		}
		if _, err := w.ann().Cancel(t.Context(), run.ID()); err != nil {
			t.Error(err)
		}
		watched, err := Watch[resizeOut](t.Context(), w.ann(), run.ID())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := watched.Result(t.Context()); err == nil {
			t.Error("a cancelled one has a result")
		}
		w.table.err = errors.New("dial tcp: secret")
		if _, err := w.ann().Get(t.Context(), run.ID()); err == nil {
			t.Error("the table answered")
		}

		var got []string
		for dec := json.NewDecoder(&w.records); dec.More(); {
			var r map[string]string
			if err := dec.Decode(&r); err != nil {
				t.Fatal(err)
			}
			line := []string{r["verb"], r["outcome"], r["code"], r["tenant"] + "/" + r["subject"], r["request"], r["action"], r["link"]}
			got = append(got, strings.Join(strings.Fields(strings.ReplaceAll(strings.Join(line, " "), run.ID(), "it")), " "))
		}
		want := []string{
			"submit accepted acme/ann it resize",
			"submit duplicate acme/ann it resize",
			"submit refused INVALID_PAYLOAD acme/ann resize",
			"get refused NOT_FOUND acme/bob it",
			"cancel refused NOT_FOUND acme/bob it",
			"cancel accepted acme/ann it resize",
			"subscribe accepted acme/ann it resize",
			"deliver accepted acme/ann it resize",
			"get refused UNAVAILABLE acme/ann it",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}
