package constructs

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pay-theory/streamer/internal/contract"
)

// LimitsProps keeps one user, or one tenant, from having so much at once that nothing is
// left for the others. What is over a limit is refused with a code that tells to try again,
// and SDKs do. Services of the same account (package backend) are not limited, and what they
// submit does not count.
//
// A limit costs one DynamoDB update for each thing that it counts, and where what ends makes
// room for what comes, a fifth of a call more (for connections a whole one): with User.Requests
// an async request makes 7.2 calls to AWS in place of 6, with Tenant.Requests too 8.4. Requests
// and SubmitsPerSecond of the same LimitsProps share that update. What is refused costs one
// update, or two for a limit above 20.
type LimitsProps struct {
	// User is what each user may have, of each tenant. With AuthProps.Anonymous all are one
	// user.
	User AllowanceProps
	// Tenant is what all users of a tenant may have together.
	Tenant AllowanceProps
}

// AllowanceProps is what one user may have, or one tenant. A limit of up to 20 is kept
// exactly. A larger one is never passed, and may refuse the first at three quarters of it.
type AllowanceProps struct {
	// Connections are WebSockets that are open, at most 100,000. Over it a handshake is
	// refused with 429. One that has ended counts for up to 40 seconds; one that API
	// Gateway told nobody the end of, until it had ended in any case. Default: any number.
	Connections int
	// Requests are async requests that have not ended, those that wait included, at most
	// 100,000. Over it a message is refused with TOO_MANY_REQUESTS. Default: any number.
	Requests int
	// SubmitsPerSecond are async requests that are submitted, over ten seconds on average, so
	// that ten times as many may come at once; at most 10,000. Over it a message is refused
	// with TOO_FAST. As many uploads may be announced beside, of 5 MB each: one that is, and
	// not submitted, costs its storage for FileRetentionDays. Default: any number.
	SubmitsPerSecond int
}

const (
	maxAllowed = 100_000
	maxPace    = 10_000
)

func (l *LimitsProps) validate() error {
	if l == nil {
		return nil
	}
	if *l == (LimitsProps{}) {
		return errors.New("Limits limits nothing: set one of User and Tenant, or leave it out")
	}
	return errors.Join(l.User.validate("User"), l.Tenant.validate("Tenant"), l.within())
}

func (a AllowanceProps) validate(of string) error {
	for _, limit := range []struct {
		field string
		value int
		most  int
	}{
		{"Connections", a.Connections, maxAllowed}, {"Requests", a.Requests, maxAllowed}, {"SubmitsPerSecond", a.SubmitsPerSecond, maxPace},
	} {
		if limit.value < 0 || limit.value > limit.most {
			return fmt.Errorf("Limits.%s.%s is %d: give 1 to %d, or 0 for any number", of, limit.field, limit.value, limit.most)
		}
	}
	return nil
}

// within tells of a user's limit that its tenant's makes pointless.
func (l *LimitsProps) within() error {
	for _, limit := range []struct {
		field        string
		user, tenant int
	}{
		{"Connections", l.User.Connections, l.Tenant.Connections},
		{"Requests", l.User.Requests, l.Tenant.Requests},
		{"SubmitsPerSecond", l.User.SubmitsPerSecond, l.Tenant.SubmitsPerSecond},
	} {
		if limit.tenant > 0 && limit.user > limit.tenant {
			return fmt.Errorf("Limits.User.%s is %d, more than Limits.Tenant.%s, %d: one user could take all of a tenant's; make it less", limit.field, limit.user, limit.field, limit.tenant)
		}
	}
	return nil
}

// environment is the value of contract.EnvLimits.
func (l *LimitsProps) environment() string {
	out, err := json.Marshal(contract.Limits{User: contract.Allowance(l.User), Tenant: contract.Allowance(l.Tenant)})
	if err != nil {
		panic(err) // structs of numbers
	}
	return string(out)
}
