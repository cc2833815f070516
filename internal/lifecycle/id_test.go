package lifecycle_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
)

func TestKeyedID(t *testing.T) {
	if got := lifecycle.KeyedID("acme", "ann", "report", "key-1"); got != "1AM2VS1R7Z2JQR6PX20ZBXK2XB" {
		t.Errorf("got %s: ids of requests that are stored must not change", got)
	}
	seen := map[string][4]string{}
	parts := []string{"", "a", "b", "ab", "a\x00", "\x00", "#", "a#R#", "aa", "ä", strings.Repeat("x", 300)}
	for _, tenant := range parts {
		for _, user := range parts {
			for _, action := range parts {
				for _, key := range parts {
					id, from := lifecycle.KeyedID(tenant, user, action, key), [4]string{tenant, user, action, key}
					if other, taken := seen[id]; taken {
						t.Fatalf("%q and %q have the same id", from, other)
					}
					seen[id] = from
					if !lifecycle.ValidID(id) {
						t.Fatalf("%q has the malformed id %q", from, id)
					}
				}
			}
		}
	}
}

func TestValidID(t *testing.T) {
	for id, want := range map[string]bool{
		"01JGH00000000000000000000A": true, "0123456789ABCDEFGHJKMNPQRS": true, "ZZZZZZZZZZZZZZZZZZTVWXYZ00": true,
		"": false, "01JGH00000000000000000000": false, "01JGH00000000000000000000AA": false,
		"01jgh00000000000000000000a": false, "I1JGH00000000000000000000A": false, "L1JGH00000000000000000000A": false,
		"O1JGH00000000000000000000A": false, "U1JGH00000000000000000000A": false, "01JGH0000000000000000000#A": false,
		"01JGH000000000000000000\u00e9A": false, "01JGH0000000000000000000 A": false, "01JGH0000000000000000000\x00A": false,
	} {
		if lifecycle.ValidID(id) != want {
			t.Errorf("%q is valid: %v", id, !want)
		}
	}
}

func TestParsePK(t *testing.T) {
	const id = "01JGH00000000000000000000A"
	for _, tenant := range []string{"acme", "#", "##", "#R#", "a#R", "a#R#", "T#", "a#R#" + id, " ", "größer", "R", "\x00"} {
		key := lifecycle.Key{Tenant: tenant, ID: id}
		got, err := lifecycle.ParsePK(key.PK())
		if err != nil || got != key {
			t.Errorf("%q: got %+v, %v", key.PK(), got, err)
		}
		if got := (lifecycle.Row{PK: key.PK()}).Key(); got != key {
			t.Errorf("row of %q: got %+v", key.PK(), got)
		}
	}
	for _, pk := range []string{
		"", "T#", "T##R#" + id, "T#a#R#", "T#a#R#" + id + "x", "T#a#R#" + id[1:], "t#a#R#" + id, "T#a#r#" + id, "a#R#" + id, "T#a" + id, "T#R#" + id,
	} {
		if got, err := lifecycle.ParsePK(pk); err == nil {
			t.Errorf("%q: got %+v", pk, got)
		}
	}
}

func TestNamed(t *testing.T) {
	const id = "01JGH00000000000000000000A"
	if !lifecycle.ValidID(lifecycle.NoID) {
		t.Errorf("%s has not the shape of an id", lifecycle.NoID)
	}
	for said, want := range map[string]string{
		id: id, lifecycle.NoID: lifecycle.NoID, "": lifecycle.NoID, "T#b#R#" + id: lifecycle.NoID, id + "A": lifecycle.NoID, strings.ToLower(id): lifecycle.NoID,
	} {
		if got := lifecycle.Named("a", said); got != (lifecycle.Key{Tenant: "a", ID: want}) {
			t.Errorf("%q: got %+v", said, got)
		}
	}
}

func FuzzParsePK(f *testing.F) {
	for _, pk := range []string{"T#acme#R#01JGH00000000000000000000A", "T#a#R#b#R#01JGH00000000000000000000A", "T##R#", "", "T#a#R#"} {
		f.Add(pk)
	}
	f.Fuzz(func(t *testing.T, pk string) {
		key, err := lifecycle.ParsePK(pk)
		if err != nil {
			return
		}
		if key.PK() != pk || key.Tenant == "" || !lifecycle.ValidID(key.ID) {
			t.Errorf("%q is read as %+v", pk, key)
		}
	})
}

func TestIndexKeys(t *testing.T) {
	at := time.Date(2024, 2, 29, 23, 59, 59, 999, time.UTC)
	if got := lifecycle.TenantDay("a", at.In(time.FixedZone("east", 3600))); got != "T#a#D#2024-02-29" {
		t.Errorf("got %s", got)
	}
	if got := lifecycle.UserKey("a", "b"); got != "T#a#U#b" {
		t.Errorf("got %s", got)
	}
	shards := map[string]int{}
	for n := range 800 {
		shards[lifecycle.OpenShard(lifecycle.KeyedID("a", "b", "c", string(rune(n))))]++
	}
	for n := range contract.OpenShards {
		if got := shards[lifecycle.OpenShardKey(n)]; got < 50 || got > 200 {
			t.Errorf("shard %d has %d of 800", n, got)
		}
	}
	if len(shards) != contract.OpenShards {
		t.Errorf("%d shards", len(shards))
	}
}
