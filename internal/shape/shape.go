// Package shape says what makes a table one of Streamer's. The constructs make such tables,
// and look at those that an app brings; a stage's are looked at by doctor of scripts/inspect.
package shape

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pay-theory/streamer/internal/contract"
)

// Table is what Streamer needs of a table, or what one has.
type Table struct {
	Key []Attribute // partition key, then sort key
	TTL string      // the attribute; empty if nothing expires
	// Streams are the views of a stream that serve, the best first. None: no stream is
	// needed, and a table has none.
	Streams []string
	Indexes []Index
}

// Attribute is one of a key. Its type is DynamoDB's: S is text, N a number.
type Attribute struct{ Name, Type string }

// Index is a global secondary index.
type Index struct {
	Name       string
	Key        []Attribute
	Attributes []string // beside the keys
	Whole      bool     // has every attribute
}

// The two tables.
var (
	Connections = Table{
		Key: []Attribute{text(contract.ConnectionID)}, TTL: contract.ExpiresAt,
		Indexes: []Index{{Name: contract.IndexConnectionsByUser, Key: []Attribute{text(contract.ConnectionUserKey), number(contract.ConnectedAt)}}},
	}
	Requests = Table{
		Key: []Attribute{text(contract.PK), text(contract.SK)}, TTL: contract.TTL,
		// The dispatcher needs to know what a row became, not what it was.
		Streams: []string{"NEW_IMAGE", "NEW_AND_OLD_IMAGES"},
		Indexes: []Index{
			{Name: contract.IndexByTenant, Key: []Attribute{text(contract.TenantDay), number(contract.CreatedAt)}, Attributes: contract.ByTenantAttributes},
			{Name: contract.IndexByUser, Key: []Attribute{text(contract.UserKey), number(contract.CreatedAt)}},
			{Name: contract.IndexOpen, Key: []Attribute{text(contract.OpenShard), number(contract.CreatedAt)}},
		},
	}
)

func text(name string) Attribute   { return Attribute{name, "S"} }
func number(name string) Attribute { return Attribute{name, "N"} }

// Unlike tells what a table has not of t, each as the end of a sentence that begins with the
// table's name.
func (t Table) Unlike(made Table) (lacks []string) {
	if !slices.Equal(made.Key, t.Key) {
		lacks = append(lacks, "has another key than "+names(t.Key))
	}
	if made.TTL != t.TTL {
		lacks = append(lacks, fmt.Sprintf("has not %s as its TTL attribute, so that it would grow for ever", t.TTL))
	}
	switch {
	case len(t.Streams) == 0:
	case len(made.Streams) == 0:
		lacks = append(lacks, NoStream)
	case !slices.Contains(t.Streams, made.Streams[0]):
		lacks = append(lacks, fmt.Sprintf("has a stream of %s: give it %s", made.Streams[0], t.Streams[0]))
	}
	for _, index := range t.Indexes {
		if !slices.ContainsFunc(made.Indexes, index.servedBy) {
			lacks = append(lacks, fmt.Sprintf("has no index %s over %s, with %v beside the keys", index.Name, names(index.Key), index.Attributes))
		}
	}
	return lacks
}

// NoStream is what Unlike says of a table without one.
const NoStream = "has no stream: give it one with new images"

func (i Index) servedBy(made Index) bool {
	lacks := func(name string) bool { return !made.Whole && !slices.Contains(made.Attributes, name) }
	return made.Name == i.Name && slices.Equal(made.Key, i.Key) && !slices.ContainsFunc(i.Attributes, lacks)
}

func names(key []Attribute) string {
	var all []string
	for _, a := range key {
		all = append(all, a.Name)
	}
	return strings.Join(all, " and ")
}
