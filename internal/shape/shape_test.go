package shape_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pay-theory/streamer/internal/shape"
)

func TestATableIsComparedWithWhatIsNeeded(t *testing.T) {
	made := func(change func(*shape.Table)) shape.Table {
		out := shape.Requests
		out.Indexes = slices.Clone(out.Indexes)
		change(&out)
		return out
	}
	for want, table := range map[string]shape.Table{
		"": made(func(t *shape.Table) { t.Streams = []string{"NEW_AND_OLD_IMAGES"} }),
		"has another key than pk and sk": made(func(t *shape.Table) {
			t.Key = []shape.Attribute{{Name: "pk", Type: "S"}, {Name: "sk", Type: "N"}}
		}),
		"has not ttl as its TTL attribute, so that it would grow for ever": made(func(t *shape.Table) { t.TTL = "" }),
		"has no stream: give it one with new images":                       made(func(t *shape.Table) { t.Streams = nil }),
		"has a stream of KEYS_ONLY: give it NEW_IMAGE":                     made(func(t *shape.Table) { t.Streams = []string{"KEYS_ONLY"} }),
		"has no index by_tenant over tenant_day and created_at, with [action status started_at ended_at attempt code user] beside the keys": made(func(t *shape.Table) {
			t.Indexes[0].Attributes = []string{"action", "status"}
		}),
		"has no index by_user over user_key and created_at, with [] beside the keys": made(func(t *shape.Table) {
			t.Indexes[1].Key = slices.Clone(t.Indexes[1].Key[:1])
		}),
		"has no index open over open_shard and created_at, with [] beside the keys": made(func(t *shape.Table) {
			t.Indexes[2].Name = "opened"
		}),
	} {
		if got := strings.Join(shape.Requests.Unlike(table), "; "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	whole := made(func(t *shape.Table) { t.Indexes[0].Attributes, t.Indexes[0].Whole = nil, true })
	if got := shape.Requests.Unlike(whole); got != nil {
		t.Errorf("an index with everything is refused: %v", got)
	}
	if got := shape.Requests.Unlike(shape.Table{}); len(got) != 6 {
		t.Errorf("got %v", got)
	}
	if got := shape.Connections.Unlike(shape.Table{Key: shape.Connections.Key, TTL: shape.Connections.TTL, Indexes: shape.Connections.Indexes}); got != nil {
		t.Errorf("connections need %v", got)
	}
}
