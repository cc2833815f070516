package contract

// Limits is what users and tenants may have at once, the value of EnvLimits as JSON. What
// its members are for is said at constructs.LimitsProps.
type Limits struct {
	User   Allowance `json:"user,omitzero"`
	Tenant Allowance `json:"tenant,omitzero"`
}

// Allowance is what one user may have, or one tenant. Zero is without limit.
type Allowance struct {
	Connections      int `json:"connections,omitempty"`
	Requests         int `json:"requests,omitempty"`           // that are open
	SubmitsPerSecond int `json:"submits_per_second,omitempty"` // of SubmitSeconds on average
}

// SubmitSeconds is the time over which Allowance.SubmitsPerSecond is an average: so many
// times that may come at once.
const SubmitSeconds = 10
