package contract

// The connections table: one item per open WebSocket.
const (
	// ConnectionID is the partition key, a string.
	ConnectionID = "connection_id"
	// ConnectionUserKey ("T#<tenant>#U#<user>") and ConnectedAt (ms) are the keys of
	// the index IndexConnectionsByUser, which projects keys only.
	ConnectionUserKey = "user_key"
	ConnectedAt       = "connected_at"
	// TokenExpires is when the connection's identity ends, in Unix seconds.
	TokenExpires = "token_expires"
	// ExpiresAt is the TTL attribute, in Unix seconds.
	ExpiresAt = "expires_at"

	IndexConnectionsByUser = "by_user"
)

// The requests table: the items of a request share the partition key
// "T#<tenant>#R#<id>"; the sort key tells META, PAYLOAD and CHECKPOINT (each with the
// hash of what it keeps) and ONCE (with the name of an effect) apart. Beside them stand
// the ledgers of Limits, with the sort key LEDGER.
const (
	PK = "pk"
	SK = "sk"

	SKMeta       = "META"
	SKPayload    = "PAYLOAD"
	SKCheckpoint = "CHECKPOINT"
	SKOnce       = "ONCE"
	SKLedger     = "LEDGER"

	// TTL is the TTL attribute of the requests table, in Unix seconds. On META it is
	// written by terminal transitions only.
	TTL = "ttl"

	// StatusAttribute and NoticeAttribute are what the dispatcher's stream filter looks
	// at: StatusPending lets a record through, and so does NoticeDue.
	StatusAttribute = "status"
	StatusPending   = "PENDING"
	NoticeAttribute = "notice"
	NoticeDue       = "due"
	// NoticeGiven is the other value of NoticeAttribute.
	NoticeGiven = "given"

	// IndexByTenant lists a tenant's requests of one UTC day in the order they were
	// accepted: TenantDay "T#<tenant>#D#<YYYY-MM-DD>", then CreatedAt in ms. It
	// projects ByTenantAttributes, none of which a pulse ever changes.
	IndexByTenant = "by_tenant"
	TenantDay     = "tenant_day"
	CreatedAt     = "created_at"

	// IndexByUser lists the requests of one user: UserKey "T#<tenant>#U#<user>", then
	// CreatedAt. It projects keys only.
	IndexByUser = "by_user"
	UserKey     = "user_key"

	// IndexOpen is sparse: it holds the requests that are not terminal, spread over
	// OpenShards values of OpenShard ("O#0" and on), then CreatedAt. Keys only.
	IndexOpen  = "open"
	OpenShard  = "open_shard"
	OpenShards = 8
)

// ByTenantAttributes is what the index IndexByTenant projects besides its keys.
var ByTenantAttributes = []string{"action", "status", "started_at", "ended_at", "attempt", "code", "user"}
