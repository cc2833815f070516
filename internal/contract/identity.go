package contract

// Keys of the authorizer's context, all with string values, which API Gateway passes on
// with every later message of the connection.
const (
	IdentitySubject = "sub"
	IdentityTenant  = "tenant"
	// IdentityExpires is when the identity ends, in Unix seconds.
	IdentityExpires = "exp"
)
