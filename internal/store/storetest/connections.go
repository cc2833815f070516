package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
)

// ExerciseConnections runs the suite of the connections table.
func ExerciseConnections(t *testing.T, open func(t *testing.T) store.Connections) {
	s := open(t)
	ctx := t.Context()
	now := time.Now()
	c := store.Connection{
		ID: rand.Text() + "=", Tenant: "t" + rand.Text(), User: "größer 漢字", ConnectedAt: now.UnixMilli(),
		TokenExpires: now.Add(time.Hour).Unix(), ExpiresAt: now.Add(time.Hour).Unix(),
	}
	c.UserKey = lifecycle.UserKey(c.Tenant, c.User)
	get := func() (store.Connection, bool) {
		t.Helper()
		got, exists, err := s.Get(ctx, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		return got, exists
	}
	if got, exists := get(); exists || got != (store.Connection{}) {
		t.Errorf("unknown: got %+v, %v", got, exists)
	}
	for range 2 { // a repeated put is the same
		if err := s.Put(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	if got, exists := get(); !exists || got != c {
		t.Errorf("got %+v, want %+v", got, c)
	}
	for range 2 { // forgetting twice is no error
		if err := s.Delete(ctx, c.ID); err != nil {
			t.Fatal(err)
		}
	}
	if got, exists := get(); exists {
		t.Errorf("deleted: got %+v", got)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, _, err := s.Get(ended, c.ID)
	for _, err := range []error{err, s.Put(ended, c), s.Delete(ended, c.ID)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that has ended: got %v", err)
		}
	}
}
