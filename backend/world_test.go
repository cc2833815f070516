package backend

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/audit"
	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/intake"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

type resizeIn struct {
	Images []string `json:"images"`
	Width  int      `json:"width"`
}

func (in *resizeIn) Validate() error {
	if len(in.Images) == 0 {
		return streamer.Invalid("images", "missing")
	}
	return nil
}

type resizeOut struct {
	Resized int `json:"resized"`
}

var (
	resize = streamer.Action[resizeIn, resizeOut]{Name: "resize", Async: true, Attempts: 2}
	ping   = streamer.Action[struct{}, struct{}]{Name: "ping"}
)

// world is a backend with a table in memory.
type world struct {
	*Backend
	t       *testing.T
	table   *table
	bucket  *bucket
	metrics bytes.Buffer
	records bytes.Buffer
}

// table counts the looks at it, and fails if that is asked for.
type table struct {
	*store.Memory
	looks []time.Time
	err   error
	// doubled puts once more, as the SDK does after an answer that was lost.
	doubled bool
}

func (t *table) Get(ctx context.Context, key lifecycle.Key) (lifecycle.Row, bool, error) {
	t.looks = append(t.looks, time.Now())
	if t.err != nil {
		return lifecycle.Row{}, false, t.err
	}
	return t.Memory.Get(ctx, key)
}

func (t *table) Create(ctx context.Context, row lifecycle.Row, now time.Time) error {
	if t.err != nil {
		return t.err
	}
	err := t.Memory.Create(ctx, row, now)
	if t.doubled {
		err = t.Memory.Create(ctx, row, now)
	}
	return err
}

type bucket struct{ documents map[string][]byte }

func (b *bucket) PutDocument(_ context.Context, key string, doc []byte) ([]byte, error) {
	b.documents[key] = doc
	sum := sha256.Sum256(doc)
	return sum[:], nil
}

func (b *bucket) Document(_ context.Context, key string, hash []byte) ([]byte, error) {
	doc := b.documents[key]
	if sum := sha256.Sum256(doc); !bytes.Equal(sum[:], hash) {
		return nil, fmt.Errorf("no document %s", key)
	}
	return doc, nil
}

func (b *bucket) Link(_ context.Context, key string) (string, time.Time, error) {
	return "https://files.example/" + key, time.Now().Add(time.Minute), nil
}

// play runs a test in time that flies.
func play(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, table: &table{Memory: store.NewMemory()}, bucket: &bucket{map[string][]byte{}}}
		registry, err := streamer.NewRegistry(resize, ping)
		if err != nil {
			t.Fatal(err)
		}
		w.Backend = &Backend{actions: registry, files: w.bucket, audit: audit.To(&w.records)}
		w.desk = intake.Desk{Requests: w.table, Files: w.bucket, Clock: clock.System{}, NewID: intake.NewID, Mute: true}
		w.desk.Metrics, w.flush = metric.To(&w.metrics, "requests", slog.New(slog.DiscardHandler))
		test(t, w)
	})
}

func (w *world) ann() *Client { return w.As("acme", "ann") }

// submit hands a good request in.
func (w *world) submit(options *SubmitOptions) *Run[resizeOut] {
	w.t.Helper()
	run, err := Submit(w.t.Context(), w.ann(), resize, resizeIn{Images: []string{"a&b.png"}, Width: 1}, options)
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

func (w *world) row(id string) lifecycle.Row {
	w.t.Helper()
	row, exists, err := w.table.Memory.Get(w.t.Context(), lifecycle.Key{Tenant: "acme", ID: id})
	if err != nil || !exists {
		w.t.Fatalf("no request %s: %v", id, err)
	}
	return row
}

// update does to a request what a processor would.
func (w *world) update(id string, u lifecycle.Update) lifecycle.Row {
	w.t.Helper()
	row, err := w.table.Update(w.t.Context(), lifecycle.Key{Tenant: "acme", ID: id}, u)
	if err != nil {
		w.t.Fatal(err)
	}
	return row
}

func (w *world) claim(id string) int64 {
	w.t.Helper()
	return w.update(id, lifecycle.Claim("m", "o", time.Now(), time.Minute)).Fence
}

func isCode(err error, code protocol.Code) bool {
	e, ok := streamer.AsError(err)
	return ok && e.Code == code
}

var errAway = errors.New("the table is away")
