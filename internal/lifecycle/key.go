package lifecycle

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
)

// Key names a request. Its tenant is part of every key it has, so a foreign id and an
// unknown id are the same thing.
type Key struct {
	Tenant string
	ID     string
}

// Named is the key of a tenant's request by what somebody says is its id. What has not the
// shape of one is the name of a request that there is none of: it is looked for like any
// other, so that it is answered after the same calls.
func Named(tenant, id string) Key {
	if !ValidID(id) {
		id = NoID
	}
	return Key{Tenant: tenant, ID: id}
}

// PK is the partition key of the request's items.
func (k Key) PK() string { return "T#" + k.Tenant + "#R#" + k.ID }

// ParsePK reads a partition key back.
func ParsePK(pk string) (Key, error) {
	rest, ok := strings.CutPrefix(pk, "T#")
	if !ok {
		return Key{}, fmt.Errorf("not the key of a request: %.100q", pk)
	}
	at := strings.LastIndex(rest, "#R#")
	if at < 1 || !ValidID(rest[at+3:]) {
		return Key{}, fmt.Errorf("not the key of a request: %.100q", pk)
	}
	return Key{Tenant: rest[:at], ID: rest[at+3:]}, nil
}

// Key names the row's request.
func (r Row) Key() Key {
	k, _ := ParsePK(r.PK) // a row was stored under a key that Key made
	return k
}

// TenantDay is the key of the index by tenant and UTC day.
func TenantDay(tenant string, day time.Time) string {
	return "T#" + tenant + "#D#" + day.UTC().Format(time.DateOnly)
}

// TenantKey is what a tenant is called where a key is its alone.
func TenantKey(tenant string) string { return "T#" + tenant }

// UserKey is the key of the indexes by user.
func UserKey(tenant, user string) string { return "T#" + tenant + "#U#" + user }

// OpenShard spreads the open requests over the sparse index.
func OpenShard(id string) string {
	h := fnv.New32a()
	h.Write([]byte(id))
	return OpenShardKey(int(h.Sum32() % contract.OpenShards))
}

// OpenShardKey is the key of one shard of the sparse index, 0 to contract.OpenShards-1.
func OpenShardKey(shard int) string { return fmt.Sprintf("O#%d", shard) }
