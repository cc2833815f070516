package constructs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// Storage is what one Streamer keeps everything in. NewStorage makes it, for a stack of its
// own that outlives the one with the functions. What was made by other means needs to be the
// same, and is named here by TableV2_FromTableAttributes and Bucket_FromBucketAttributes. Of a
// table that this app makes, keys, indexes, stream and TTL are checked when the app is
// synthesized, and of a bucket that files expire; of others the stream alone. What cannot be
// known then, the functions look at when they are deployed: whether tables, the indexes that
// they query and the bucket are there, with these keys, and may be used.
type Storage struct {
	// Connections has one item for each open WebSocket. Its key is "connection_id", its TTL
	// attribute "expires_at"; the index "by_user" is over "user_key" and "connected_at", a
	// number.
	Connections awsdynamodb.ITableV2
	// Requests has the truth about every async request. Its key is "pk" and "sk", its TTL
	// attribute "ttl"; its stream has new images, and TableStreamArn names it. The indexes
	// "by_tenant", over "tenant_day", with "action", "status", "started_at", "ended_at",
	// "attempt", "code" and "user" beside the keys, "by_user" over "user_key", and "open" over
	// "open_shard", all have "created_at" as their sort key, a number. All other keys are text.
	Requests awsdynamodb.ITableV2
	// Files has results, reports and large payloads, under "t/". It is private, and whoever
	// made it lets objects under that prefix expire, and pages reach it: FileRetentionDays and
	// WebOrigins are for a bucket that Streamer makes. That one keeps no versions. In one that
	// does, old versions must expire too, and a payload that Action.Redact takes out of sight
	// stays until then.
	Files awss3.IBucket
}

// StorageProps are those of StreamerProps with the same names, which NewStreamer uses for
// what it makes itself.
type StorageProps struct {
	RemovalPolicy     awscdk.RemovalPolicy
	EncryptionKey     awskms.IKey
	FileRetentionDays int
	WebOrigins        []string
}

// NewStorage makes the storage of one Streamer, for StreamerProps.Storage. Nil props are legal.
// It panics if a prop is bad, as NewStreamer.
func NewStorage(scope constructs.Construct, id string, props *StorageProps) *Storage {
	at := constructs.NewConstruct(scope, jsii.String(id))
	local, err := readLocalStage(at)
	check(at, err)
	p := copyOf(props).withDefaults()
	check(at, p.validate())
	p.RemovalPolicy = local.removalPolicy(p.RemovalPolicy)
	return fillStorage(at, &Storage{}, p, local)
}

func (p *StorageProps) withDefaults() *StorageProps {
	out := copyOf(p)
	setDefault(&out.FileRetentionDays, 30)
	setDefault(&out.RemovalPolicy, awscdk.RemovalPolicy_RETAIN)
	return out
}

func (p *StorageProps) validate() error {
	if p.FileRetentionDays < 1 {
		return fmt.Errorf("FileRetentionDays is %d: give at least 1", p.FileRetentionDays)
	}
	for _, origin := range p.WebOrigins {
		if !unresolved(origin) && origin != "*" && !isOrigin(strings.Replace(origin, "*", "0", 1)) {
			return fmt.Errorf("WebOrigins has %q: give scheme and host as a browser does, such as https://app.example.com, in which one * stands for anything", origin)
		}
	}
	switch p.RemovalPolicy {
	case awscdk.RemovalPolicy_RETAIN, awscdk.RemovalPolicy_DESTROY, awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE:
		return nil
	}
	return fmt.Errorf("RemovalPolicy is %s: tables and bucket take RETAIN, RETAIN_ON_UPDATE_OR_DELETE or DESTROY", p.RemovalPolicy)
}

// fillStorage makes what given lacks.
func fillStorage(scope constructs.Construct, given *Storage, p *StorageProps, local *localStage) *Storage {
	made := copyOf(given)
	if made.Connections == nil {
		made.Connections = connectionsTable.make(scope, p)
	}
	if made.Requests == nil {
		made.Requests = requestsTable.make(scope, p)
	}
	if made.Files == nil {
		made.Files = newFiles(scope, p, local)
	}
	return made
}

// addStorage makes the storage that the props do not bring.
func (s *StreamerConstruct) addStorage(p *StreamerProps) {
	made := fillStorage(s, p.Storage, p.storage(), s.local)
	s.Connections, s.Requests, s.Files = made.Connections, made.Requests, made.Files
}

func (p *StreamerProps) storage() *StorageProps {
	return &StorageProps{
		RemovalPolicy: p.RemovalPolicy, EncryptionKey: p.EncryptionKey, FileRetentionDays: p.FileRetentionDays, WebOrigins: p.WebOrigins,
	}
}

// validateStorage looks at storage that was brought. It wants the props as they were given.
func (p *StreamerProps) validateStorage() error {
	if p == nil || p.Storage == nil {
		return nil
	}
	if p.Storage.Files != nil && (p.FileRetentionDays != 0 || len(p.WebOrigins) > 0) {
		return errors.New("FileRetentionDays or WebOrigins is set beside Storage.Files: give that bucket a lifecycle rule and CORS where it is made")
	}
	return errors.Join(
		connectionsTable.check("Storage.Connections", p.Storage.Connections),
		requestsTable.check("Storage.Requests", p.Storage.Requests),
		checkFiles("Storage.Files", p.Storage.Files),
	)
}

// storageKeys are the keys that encrypt what is kept, each once.
func (s *StreamerConstruct) storageKeys(p *StreamerProps) []awskms.IKey {
	var keys []awskms.IKey
	seen := map[string]bool{}
	for _, key := range []awskms.IKey{p.EncryptionKey, s.Connections.EncryptionKey(), s.Requests.EncryptionKey(), s.Files.EncryptionKey()} {
		if key != nil && !seen[*key.KeyArn()] {
			seen[*key.KeyArn()] = true
			keys = append(keys, key)
		}
	}
	return keys
}
