package connection_test

import (
	"errors"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/connection"
)

func TestClose(t *testing.T) {
	away := errors.New("table is away")
	for name, c := range map[string]struct {
		status    int
		table     error
		want      error // nil: none of the known ones
		ok        bool
		forgotten []string
	}{
		"closed":              {204, nil, nil, true, nil}, // the router is told, and forgets it
		"gone":                {410, nil, nil, true, []string{"L0SM9cOFvHcCIhw="}},
		"gone, not to forget": {410, away, away, false, []string{"L0SM9cOFvHcCIhw="}},
		"denied":              {403, nil, streamer.ErrDenied, false, nil},
		"bad id":              {400, nil, nil, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g, table := &gateway{status: c.status}, &table{err: c.table}
			server := httptest.NewServer(g)
			defer server.Close()
			err := connection.Closer{Ender: client(server), Forget: table}.Close(t.Context(), "L0SM9cOFvHcCIhw=")
			if (err == nil) != c.ok || (c.want != nil && !errors.Is(err, c.want)) {
				t.Errorf("err is %v, want %v", err, c.want)
			}
			if want := []string{"DELETE /prod/@connections/L0SM9cOFvHcCIhw%3D <nil>"}; !slices.Equal(g.posts, want) || !slices.Equal(table.forgotten, c.forgotten) {
				t.Errorf("calls %q, forgotten %q", g.posts, table.forgotten)
			}
		})
	}
}
