package contract

// Keys of the authorizer's context, all with string values, which API Gateway passes on
// with every later message of the connection. An authorizer of one's own returns the
// same; without any of them the connection is refused.
const (
	// IdentitySubject is the user: 1 to 128 bytes without control characters.
	IdentitySubject = "sub"
	// IdentityTenant is the tenant, as TenantPattern has it.
	IdentityTenant = "tenant"
	// IdentityExpires is when the identity ends, in Unix seconds.
	IdentityExpires = "exp"
)

// TenantPattern is what a tenant's name looks like: it stands in keys and paths, so its
// characters are bounded. TenantRule says so in words.
const (
	TenantPattern = `^[A-Za-z0-9][A-Za-z0-9._@:-]{0,63}$`
	TenantRule    = "1 to 64 letters, digits and . _ @ : -, the first a letter or digit"
)
