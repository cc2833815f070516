package backend

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

func TestUpdates(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		run := w.submit(nil)
		began := time.Now()
		at := func(after time.Duration, do func()) { time.AfterFunc(after, do) }
		at(1100*time.Millisecond, func() { w.claim(run.ID()) })
		at(1900*time.Millisecond, func() {
			w.update(run.ID(), lifecycle.Pulse(1, lifecycle.State{Percentage: 30, Message: "third", Seq: lifecycle.Seq(1, 1)}, time.Now(), time.Minute, nil))
		})
		at(30*time.Second, func() {
			w.update(run.ID(), lifecycle.Retry(1, time.Now().Add(time.Minute), "BUSY", "not now"))
		})
		at(120*time.Second, func() {
			w.update(run.ID(), lifecycle.Complete(w.claim(run.ID()), lifecycle.Outcome{Result: `{"resized":1}`}, lifecycle.Seq(2, 1), time.Now()))
		})
		var got []string
		for state, err := range run.Updates(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s %s %d %.0f %s%s", time.Since(began), state.Status, state.Attempt, state.Percentage, state.Code, state.Result))
			if state.RequestID != run.ID() || state.Action != "resize" || state.TS != time.Now().UnixMilli() {
				t.Errorf("got %+v", state)
			}
		}
		want := []string{
			"0s PENDING 0 0 ",
			"1.75s PROCESSING 1 0 ",
			"2s PROCESSING 1 30 ",
			"34.75s RETRYING 1 30 BUSY",
			"2m2.5s COMPLETED 2 100 BUSY" + `{"resized":1}`,
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s", strings.Join(got, "\n"))
		}
		for i := range w.table.looks[1:] {
			if pause := w.table.looks[i+1].Sub(w.table.looks[i]); pause < leastPause || pause > mostPause {
				t.Errorf("look %d comes %s after the one before", i+1, pause)
			}
		}
	})
}

func TestUpdatesEndEarly(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		run := w.submit(nil)
		for range run.Updates(t.Context()) {
			break
		}
		if n := len(w.table.looks); n != 1 {
			t.Errorf("%d looks for one update", n)
		}
		errOver := errors.New("over")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errOver)
		defer cancel()
		began := time.Now()
		var last error
		n := 0
		for _, err := range run.Updates(ctx) {
			n++
			last = err
		}
		if n != 2 || !errors.Is(last, errOver) || time.Since(began) != time.Minute {
			t.Errorf("%d updates, the last with %v", n, last)
		}
		if _, err := run.Result(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Result: %v", err)
		}
		w.table.err = errAway
		for _, err := range run.Updates(t.Context()) {
			if !errors.Is(err, errAway) || !strings.Contains(err.Error(), run.ID()) {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestResult(t *testing.T) {
	large := `{"resized":7` + strings.Repeat(" ", protocol.MaxInline) + `}`
	for name, c := range map[string]struct {
		end  func(w *world, row lifecycle.Row) lifecycle.Update
		want int
		err  func(error) bool
	}{
		"inline": {end: func(_ *world, row lifecycle.Row) lifecycle.Update {
			return lifecycle.Complete(row.Fence, lifecycle.Outcome{Result: `{"resized":3}`}, 1, time.Now())
		}, want: 3},
		"null": {end: func(_ *world, row lifecycle.Row) lifecycle.Update {
			return lifecycle.Complete(row.Fence, lifecycle.Outcome{Result: `null`}, 1, time.Now())
		}},
		"large": {end: func(w *world, row lifecycle.Row) lifecycle.Update {
			hash, _ := w.bucket.PutDocument(context.Background(), view.ResultKey(row.Key(), row.Fence), []byte(large))
			return lifecycle.Complete(row.Fence, lifecycle.Outcome{At: lifecycle.PlaceObject, Size: int64(len(large)), Hash: hash}, 1, time.Now())
		}, want: 7},
		"another type": {end: func(_ *world, row lifecycle.Row) lifecycle.Update {
			return lifecycle.Complete(row.Fence, lifecycle.Outcome{Result: `[]`}, 1, time.Now())
		}, err: func(err error) bool { return strings.Contains(err.Error(), "the result is no backend.resizeOut") }},
		"failed": {end: func(_ *world, row lifecycle.Row) lifecycle.Update {
			return lifecycle.Fail(row.Fence, "BAD_IMAGE", "no image", 1, time.Now())
		}, err: func(err error) bool {
			return isCode(err, "BAD_IMAGE") && strings.HasSuffix(err.Error(), "BAD_IMAGE: no image")
		}},
		"cancelled": {end: func(_ *world, row lifecycle.Row) lifecycle.Update {
			return lifecycle.Cancelled(row.Fence, 1, time.Now())
		}, err: func(err error) bool { return errors.Is(err, streamer.ErrCancelled) }},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, w *world) {
				run := w.submit(nil)
				w.claim(run.ID())
				time.AfterFunc(10*time.Second, func() { w.update(run.ID(), c.end(w, w.row(run.ID()))) })
				out, err := run.Result(t.Context())
				if out.Resized != c.want || (err != nil) != (c.err != nil) || err != nil && !c.err(err) {
					t.Errorf("got %+v, %v", out, err)
				}
			})
		})
	}
}

// A result that names a file has a link of its own each time.
func TestResultWithAFile(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		run := w.submit(nil)
		w.update(run.ID(), lifecycle.Complete(w.claim(run.ID()), lifecycle.Outcome{Result: `{"url":"","expires_at":0,"size":3}`, File: "t/acme/x/a.png"}, 1, time.Now()))
		watched, err := Watch[streamer.File](t.Context(), w.ann(), run.ID())
		if err != nil {
			t.Fatal(err)
		}
		file, err := watched.Result(t.Context())
		if err != nil || file.URL != "https://files.example/t/acme/x/a.png" || file.Size != 3 || file.ExpiresAt == 0 {
			t.Errorf("got %+v, %v", file, err)
		}
	})
}

func TestWhoseRequestItIs(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		id := w.submit(nil).ID()
		if f, err := w.ann().Get(t.Context(), id); err != nil || f.Status != protocol.Pending || f.RequestID != id {
			t.Errorf("got %+v, %v", f, err)
		}
		if run, err := Watch[resizeOut](t.Context(), w.ann(), id); err != nil || run.ID() != id {
			t.Errorf("got %v", err)
		}
		for name, c := range map[string]struct {
			client *Client
			id     string
		}{
			"another user's":   {w.As("acme", "bob"), id},
			"another tenant's": {w.As("corp", "ann"), id},
			"unknown":          {w.ann(), "01JAAAAAAAAAAAAAAAAAAAAAAA"},
			"malformed":        {w.ann(), "T#acme#R#" + id},
			"empty":            {w.ann(), ""},
		} {
			_, got := c.client.Get(t.Context(), c.id)
			_, watched := Watch[resizeOut](t.Context(), c.client, c.id)
			_, cancelled := c.client.Cancel(t.Context(), c.id)
			for _, err := range []error{got, watched, cancelled} {
				if !isCode(err, protocol.NotFound) {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if _, err := w.As("", "ann").Get(t.Context(), id); err == nil || isCode(err, protocol.NotFound) {
			t.Errorf("no tenant: %v", err)
		}
		w.update(id, lifecycle.Complete(w.claim(id), lifecycle.Outcome{Result: `1`}, 1, time.Now()))
		time.Sleep(lifecycle.Retention + time.Second)
		if _, err := w.ann().Get(t.Context(), id); !isCode(err, protocol.NotFound) {
			t.Errorf("expired: %v", err)
		}
	})
}

func TestCancel(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		waiting, running := w.submit(nil), w.submit(nil)
		w.claim(running.ID())
		if f, err := waiting.Cancel(t.Context()); err != nil || f.Status != protocol.Cancelled {
			t.Errorf("waiting: %+v, %v", f, err)
		}
		if _, err := waiting.Result(t.Context()); !errors.Is(err, streamer.ErrCancelled) || w.row(waiting.ID()).Notice != contract.NoticeDue {
			t.Errorf("waiting: %v, %+v", err, w.row(waiting.ID()))
		}
		if f, err := running.Cancel(t.Context()); err != nil || f.Status != protocol.Processing || w.row(running.ID()).CancelAt == 0 || w.row(running.ID()).Notice != "" {
			t.Errorf("running: %+v, %v", f, err)
		}
		if f, err := waiting.Cancel(t.Context()); err != nil || f.Status != protocol.Cancelled {
			t.Errorf("ended: %+v, %v", f, err)
		}
		if n := strings.Count(w.metrics.String(), `"RequestsCancelled":1`); n != 1 {
			t.Errorf("metrics %s", &w.metrics)
		}
	})
}
