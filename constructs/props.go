package constructs

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/pay-theory/streamer/internal/contract"
)

// StreamerProps configures a Streamer. The zero value of every field is its default.
type StreamerProps struct {
	// StageName is the last part of the WebSocket URL: 1 to 128 letters, digits, "-"
	// and "_". Default "v1".
	StageName string

	// Auth says whose tokens open a connection. Nil: every connection is refused, and
	// the synth warns.
	Auth *AuthProps

	// Router answers the clients' messages: it runs sync actions and stores async
	// ones. Default: the sample actions, 256 MB, 29 s, which is also the most that an
	// integration of API Gateway waits ("Quotas for configuring and running a
	// WebSocket API in API Gateway").
	Router FunctionProps
	// Processor does the work of async actions. Default: the sample actions, 1024 MB,
	// 900 s, which is also the most that a function may take ("Lambda quotas").
	Processor FunctionProps

	// MaxConcurrency is how many requests Processor works on at once, 2 to 1000 ("Scaling
	// behavior for Amazon SQS event source mappings"). Default 100.
	MaxConcurrency int

	// Workers take groups of actions out of Processor, each with a processor and a work
	// queue of its own. Default none: Processor does all.
	Workers []WorkerProps

	// Authorizer, Dispatcher and Reconciler are the functions that nobody need replace: who
	// may connect, hints for what is new, and for what was lost. Defaults: 256 MB each; 10 s,
	// 30 s and 120 s. An own ImportPath for them calls serve.Reconciler, or the Serve of
	// package serve/authorizer or serve/dispatcher.
	Authorizer, Dispatcher, Reconciler FunctionProps

	// VPC puts all functions into a network that have none of their own; FunctionProps.VPC
	// tells what they need there. Nil: none.
	VPC awsec2.IVpc
	// Subnets are those of the VPC to use. Default its private ones.
	Subnets *awsec2.SubnetSelection
	// SecurityGroups are those of all functions. Default a new one for each, that lets
	// everything out.
	SecurityGroups []awsec2.ISecurityGroup
	// VPCEndpoints gives the VPC the endpoints that NewVPCEndpoints makes, so that only what
	// must takes the NAT gateway. Default false: the VPC may have them, and that of SQS costs.
	VPCEndpoints bool

	// UncheckedStart takes a function for deployed though nobody has seen it start. Default
	// false: CloudFormation invokes each function that has changed, and if it does not start,
	// or finds that Storage of yours is not as it must be, the deployment fails and is taken
	// back, and no message ever came to it. With true, what is deployed runs at once, and there
	// are no versions for which concurrency could be provisioned. Set it if the role that
	// deploys may not lambda:InvokeFunction, if a function has no way to Amazon S3, through which
	// it answers, or if Code was built with a version of Streamer that knows nothing of this.
	UncheckedStart bool

	// PermissionsBoundary bounds what the roles of the functions can ever be allowed to do,
	// as some organizations ask of every role. Nil: none.
	PermissionsBoundary awsiam.IManagedPolicy

	// Architecture is that of all functions: ARM_64 or X86_64. The local stage has this
	// machine's. Default ARM_64, which costs less.
	Architecture awslambda.Architecture

	// Clocks sets the pace of progress and recovery. Nil: the defaults of each.
	Clocks *Clocks

	// Domain is a name of your own for clients to connect to, in place of the one that API
	// Gateway gives; the local stage has none. Nil: none.
	Domain *DomainProps

	// Throttle limits the messages of all clients together. Nil: its defaults.
	Throttle *ThrottleProps

	// Limits keeps each user and each tenant from taking all of it. Nil: no limits, which
	// costs nothing.
	Limits *LimitsProps

	// DetailedMetrics adds the dimension Route to API Gateway's metrics, such as
	// StreamerConstruct.MetricMessages; CloudWatch charges for each route's. Default off.
	DetailedMetrics bool

	// AccessLogs receives a line for each connect, message and disconnect. Nil: none,
	// because API Gateway writes them with a role that is set once for a whole account
	// and region ("Set up CloudWatch logging for WebSocket APIs in API Gateway"),
	// which no construct should change. Set that role before you set this.
	AccessLogs awslogs.ILogGroup

	// Storage brings tables or bucket that exist; what it lacks is made. Nil: all is made.
	Storage *Storage

	// RemovalPolicy is what becomes of the tables and the bucket when they leave the
	// stack. With RETAIN the tables are also protected from deletion by hand. With
	// DESTROY, empty the bucket first: AWS deletes only an empty one. Default RETAIN.
	RemovalPolicy awscdk.RemovalPolicy

	// LogRetention is how long the functions' logs are kept. Logs leave with the
	// stack. Default one month.
	LogRetention awslogs.RetentionDays

	// Audit records who submitted, cancelled and fetched what. Nil: nobody does, because it
	// writes down what identifies people.
	Audit *AuditProps

	// EncryptionKey encrypts tables, queues, bucket, the functions' logs and their variables,
	// and the functions may use it. It is a symmetric key of the same region. The CDK wants
	// the stack to know that region (StackProps.Env). CloudWatch Logs is let use it by the
	// key's policy: for a key that another app has made, see to it there, and the synth
	// warns. Nil: keys that AWS owns, which cost nothing.
	EncryptionKey awskms.IKey

	// FileRetentionDays is how long results, reports and large payloads stay in the
	// bucket, at least 1. Default 30.
	FileRetentionDays int

	// WebOrigins are the web origins, such as "https://app.example.com", whose pages may
	// fetch and send files through presigned links; one * in each stands for anything, as in
	// "http://127.0.0.1:*". Following a link needs none. Default none.
	WebOrigins []string

	// MeteredTenants are the tenants whose requests are also measured by themselves, with
	// the dimension Tenant: at most 50, because CloudWatch charges for each metric ("Amazon
	// CloudWatch Pricing"), and a tenant has up to six. Default none.
	MeteredTenants []string

	// Tracing says which messages are traced to their end. Nil: those that Lambda chooses.
	Tracing *TracingProps

	// OutputPrefix begins the keys of Outputs, and of a dashboard's: up to 64 letters and
	// digits, for a stack with several Streamers. Default none.
	OutputPrefix string

	// Alarms sets thresholds and actions. Nil: the default thresholds, no actions.
	Alarms *AlarmProps
}

// AuthProps says who may connect. There are four ways, of which one is chosen by its
// fields: tokens of an OpenID Connect issuer (Issuer and what follows it), an Authorizer
// of your own, callers that sign with IAM, or everybody, Anonymous. User and tenant of
// everything that happens on a connection are what it began with, and no message can
// change them. Strings, but for JWKS, may be tokens of the CDK, such as a user pool's own URL.
type AuthProps struct {
	// Issuer is the iss of the tokens to accept, to the letter.
	Issuer string
	// Audiences are those of whom a token must name one: in aud, or in client_id if it has
	// no aud, as access tokens of Amazon Cognito.
	Audiences []string
	// JWKSURL is where the issuer publishes its public keys, an https URL. Default: what
	// the issuer's discovery document says, <Issuer>/.well-known/openid-configuration. Keys
	// are fetched when the first token comes and when one names a key that is not known, at
	// most every 30 seconds; they are used for an hour, and for a day if the issuer does
	// not answer.
	JWKSURL string
	// JWKS is the public keys themselves in place of JWKSURL, a JSON Web Key Set (RFC 7517)
	// as JSON text, for issuers that cannot be reached. A change of keys is a deployment
	// then. It travels in the authorizer's environment, of which Lambda takes 4 KB: about
	// eight keys.
	JWKS string
	// SubjectClaim and TenantClaim name the claims that hold the user, 1 to 128 bytes, and
	// the tenant, 1 to 64 letters, digits and . _ @ : -. A name is taken as it is; one that
	// begins with "/" is a JSON Pointer (RFC 6901) to a claim within others, such as
	// "/app_metadata/tenant". Default "sub" and "tenant".
	SubjectClaim, TenantClaim string
	// Tenant is the tenant of all users, in place of TenantClaim: for an app that has but
	// one. With IAM its default is the caller's AWS account.
	Tenant string
	// Claims are further claims that a token must have, by name: text or a truth value that
	// is equal, a list with that text in it, or a scope or scp with that word in it. Where
	// an issuer's ID tokens have the same audience as its access tokens, this is what tells
	// them apart: see the examples.
	Claims map[string]string
	// LeewaySeconds is how far the issuer's clock and ours may be apart, up to 300. It
	// counts for every time in a token, its end included. Default 30.
	LeewaySeconds int

	// Origins are the web origins, such as "https://app.example.com", whose pages may
	// connect; it goes with tokens and with Anonymous. Browsers tell the origin of a page
	// and no page can change it, so this keeps foreign pages away from your users, and
	// nobody else: other programs send no origin, and are let in unless RequireOrigin is
	// set. Default: pages of any origin.
	Origins       []string
	RequireOrigin bool

	// Authorizer is a function of your own for $connect, a Lambda REQUEST authorizer. It
	// must allow execute-api:Invoke on the event's methodArn, and return a context with
	// "sub" and "tenant", in the form that SubjectClaim and TenantClaim have, and "exp",
	// the end of the identity in Unix seconds as text. If one of them is missing or wrong,
	// the connection is refused with 401 and the router's log names it.
	Authorizer awslambda.IFunction

	// IAM lets in who signs the handshake (Signature Version 4) and may call
	// execute-api:Invoke on $connect: see StreamerConstruct.GrantConnect. The user is the
	// caller's principal id, with the session's name if it has a role, or its id in the
	// Amazon Cognito identity pool that it came through. API Gateway tells the identity to
	// $connect alone, so each message costs one read of the connection's item. The local
	// stage, which cannot check signatures, takes its own tokens instead.
	IAM bool

	// Anonymous lets everybody in without a token, all as one user of one tenant. For
	// demonstrations only.
	Anonymous bool
}

// Clocks sets the pace of progress and recovery, in milliseconds. Zero leaves a
// clock at its default.
type Clocks struct {
	// LeaseMS is how long a worker that is not heard of keeps its request. Default
	// 30,000.
	LeaseMS int `json:"lease,omitempty"`
	// VisibilityMS is how long a message under work stays hidden before another worker
	// may take it. Default 60,000.
	VisibilityMS int `json:"visibility,omitempty"`
	// PulseMS is how often progress is stored while it changes, PulseIdleMS while it
	// does not. Default 2,000 and 10,000.
	PulseMS     int `json:"pulse,omitempty"`
	PulseIdleMS int `json:"pulse_idle,omitempty"`
	// ProgressMS is the shortest time between two progress frames of a request.
	// Default 250.
	ProgressMS int `json:"progress,omitempty"`
}

// ThrottleProps limits the messages of all clients together. What is above is
// answered with 429 by API Gateway itself.
type ThrottleProps struct {
	// RatePerSecond is the steady rate and Burst what may come at once. An account has
	// 10,000 and 5,000 for all its APIs of a region ("Amazon API Gateway quotas").
	// Default 1,000 and 2,000.
	RatePerSecond, Burst int
	// Connects limits new connections by themselves, and Messages what comes on those that
	// are open. An account has 500 new connections a second for all its APIs of a region
	// ("Quotas for configuring and running a WebSocket API in API Gateway"). Default: as
	// above.
	Connects, Messages RouteThrottleProps
}

// RouteThrottleProps limits a part of the messages.
type RouteThrottleProps struct {
	// RatePerSecond and Burst are as those of ThrottleProps, which are the defaults.
	RatePerSecond, Burst int
}

// AlarmProps sets thresholds and actions of the alarms.
type AlarmProps struct {
	// OldestWaitingMinutes is how long a request may wait for a worker. Default 5.
	OldestWaitingMinutes int
	// FunctionErrors is how many runs may fail within 5 minutes, over all functions
	// together, before the alarm goes off; it holds for each worker by itself. A single
	// one heals itself. Default 5.
	FunctionErrors int
	// Actions are told when an alarm goes off, and when it is over.
	Actions []awscloudwatch.IAlarmAction
	// RunbookURL is the page that the descriptions link to, each with its alarm as the
	// fragment: #dead-letters, #undispatched, #oldest-waiting, #function-errors,
	// #worker-errors. Default: Streamer's own RUNBOOK.md.
	RunbookURL string
}

// Limits of AWS.
const (
	minConcurrency, maxConcurrency = 2, 1000
	minMemoryMB, maxMemoryMB       = 128, 10240
	maxRouterSeconds               = 29 // and the authorizer's: API Gateway waits for both
	maxProcessorSeconds            = 900
	maxLayers                      = 5
	maxVisibilityMS                = 12 * 60 * 60 * 1000
	maxEnvironmentBytes            = 4096
	maxMeteredTenants              = 50
)

var tenantPattern = regexp.MustCompile(contract.TenantPattern)

var (
	stageNamePattern    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	outputPrefixPattern = regexp.MustCompile(`^[A-Za-z0-9]{0,64}$`)
)

// withDefaults returns a copy in which every zero value has become its default. The
// caller's structs are not touched.
func (p *StreamerProps) withDefaults() StreamerProps {
	out := StreamerProps{}
	if p != nil {
		out = *p
	}
	setDefault(&out.StageName, "v1")
	setDefault(&out.Architecture, awslambda.Architecture_ARM_64())
	setDefault(&out.MaxConcurrency, contract.DefaultMaxConcurrency)
	storage := out.storage().withDefaults()
	out.FileRetentionDays, out.RemovalPolicy = storage.FileRetentionDays, storage.RemovalPolicy
	setDefault(&out.LogRetention, awslogs.RetentionDays_ONE_MONTH)

	out.Tracing = copyOf(out.Tracing)
	out.Tracing.untraced(&out.Authorizer, &out.Router, &out.Dispatcher, &out.Processor, &out.Reconciler)

	network := FunctionProps{VPC: out.VPC, Subnets: out.Subnets, SecurityGroups: out.SecurityGroups}
	out.Authorizer = out.Authorizer.withDefaults(mainOf("authorizer"), 256, 10).inNetworkOf(network)
	out.Router = out.Router.withDefaults(mainOf("router"), 256, maxRouterSeconds).inNetworkOf(network)
	out.Dispatcher = out.Dispatcher.withDefaults(mainOf("dispatcher"), 256, 30).inNetworkOf(network)
	out.Processor = out.Processor.withDefaults(mainOf("processor"), 1024, maxProcessorSeconds).inNetworkOf(network)
	out.Reconciler = out.Reconciler.withDefaults(mainOf("reconciler"), 256, 120).inNetworkOf(network)

	out.Workers = slices.Clone(out.Workers)
	for i, w := range out.Workers {
		out.Workers[i] = w.withDefaults(&out)
	}

	out.Audit = out.Audit.withDefaults(out.LogRetention)
	out.Clocks = copyOf(out.Clocks)

	out.Throttle = copyOf(out.Throttle)
	setDefault(&out.Throttle.RatePerSecond, contract.DefaultMessagesPerSecond)
	setDefault(&out.Throttle.Burst, contract.DefaultMessageBurst)
	out.Throttle.Connects = out.Throttle.Connects.withDefaults(out.Throttle)
	out.Throttle.Messages = out.Throttle.Messages.withDefaults(out.Throttle)

	out.Alarms = copyOf(out.Alarms)
	setDefault(&out.Alarms.OldestWaitingMinutes, 5)
	setDefault(&out.Alarms.FunctionErrors, 5)
	setDefault(&out.Alarms.RunbookURL, runbook)
	return out
}

// validateAuthorizer tells of settings for an authorizer that will not be made. It wants the
// props as they were given.
func (p *StreamerProps) validateAuthorizer() error {
	if p == nil || p.Auth == nil || p.Authorizer.isZero() {
		return nil
	}
	switch {
	case p.Auth.IAM:
		return errors.New("Authorizer is set beside Auth.IAM, with which there is none: leave it out")
	case p.Auth.Authorizer != nil:
		return errors.New("Authorizer is set beside Auth.Authorizer, which takes its place: set that function itself")
	}
	return nil
}

func (t RouteThrottleProps) withDefaults(all *ThrottleProps) RouteThrottleProps {
	setDefault(&t.RatePerSecond, all.RatePerSecond)
	setDefault(&t.Burst, all.Burst)
	return t
}

// validate names a bad field and its cure. It expects the defaults filled in.
func (p *StreamerProps) validate() error {
	if !unresolved(p.StageName) && !stageNamePattern.MatchString(p.StageName) {
		return fmt.Errorf("StageName is %q: give 1 to 128 letters, digits, - and _", p.StageName)
	}
	if !outputPrefixPattern.MatchString(p.OutputPrefix) {
		return fmt.Errorf("OutputPrefix is %q: give up to 64 letters and digits", p.OutputPrefix)
	}
	if p.MaxConcurrency < minConcurrency || p.MaxConcurrency > maxConcurrency {
		return fmt.Errorf("MaxConcurrency is %d: AWS takes %d to %d", p.MaxConcurrency, minConcurrency, maxConcurrency)
	}
	if len(p.MeteredTenants) > maxMeteredTenants {
		return fmt.Errorf("MeteredTenants has %d names: each costs metrics of its own, name at most %d", len(p.MeteredTenants), maxMeteredTenants)
	}
	for _, tenant := range p.MeteredTenants {
		if !tenantPattern.MatchString(tenant) {
			return fmt.Errorf("MeteredTenants has %q: a tenant is %s", tenant, contract.TenantRule)
		}
	}
	if p.Alarms.OldestWaitingMinutes < 1 {
		return fmt.Errorf("Alarms.OldestWaitingMinutes is %d: give at least 1", p.Alarms.OldestWaitingMinutes)
	}
	if p.Alarms.FunctionErrors < 1 {
		return fmt.Errorf("Alarms.FunctionErrors is %d: give at least 1", p.Alarms.FunctionErrors)
	}
	if url := p.Alarms.RunbookURL; !strings.HasPrefix(url, "https://") || strings.Contains(url, "#") {
		return fmt.Errorf("Alarms.RunbookURL is %q: give a page, https://…, to which the alarm is added as the fragment", url)
	}
	if p.VPC == nil && (p.Subnets != nil || len(p.SecurityGroups) > 0 || p.VPCEndpoints) {
		return errors.New("Subnets, SecurityGroups or VPCEndpoints is set without VPC: give it too")
	}
	return errors.Join(
		validateArchitecture(p.Architecture),
		p.Authorizer.validate("Authorizer", maxRouterSeconds),
		p.Router.validate("Router", maxRouterSeconds),
		p.Dispatcher.validate("Dispatcher", maxProcessorSeconds),
		p.Processor.validate("Processor", maxProcessorSeconds),
		p.Reconciler.validate("Reconciler", reconcileMinutes*60),
		validateWorkers(p.Workers),
		p.storage().validate(),
		p.validateLogs(),
		p.Clocks.validate(),
		p.Throttle.validate(),
		p.Limits.validate(),
		p.Tracing.validate(p.Router.Tracing),
		p.Domain.validate(),
		p.Auth.validate(),
	)
}

func (t *ThrottleProps) validate() error {
	for _, limit := range []struct {
		field       string
		rate, burst int
	}{
		{"Throttle", t.RatePerSecond, t.Burst},
		{"Throttle.Connects", t.Connects.RatePerSecond, t.Connects.Burst},
		{"Throttle.Messages", t.Messages.RatePerSecond, t.Messages.Burst},
	} {
		if limit.rate < 1 || limit.burst < 1 {
			return fmt.Errorf("%s is %d per second with a burst of %d: give at least 1 each", limit.field, limit.rate, limit.burst)
		}
	}
	return nil
}

func (c *Clocks) validate() error {
	for _, clock := range []struct {
		field string
		ms    int
	}{
		{"LeaseMS", c.LeaseMS}, {"VisibilityMS", c.VisibilityMS}, {"PulseMS", c.PulseMS},
		{"PulseIdleMS", c.PulseIdleMS}, {"ProgressMS", c.ProgressMS},
	} {
		if clock.ms < 0 {
			return fmt.Errorf("Clocks.%s is %d: give milliseconds, or 0 for the default", clock.field, clock.ms)
		}
	}
	filled := *c
	setDefault(&filled.LeaseMS, contract.DefaultLeaseMS)
	setDefault(&filled.VisibilityMS, contract.DefaultVisibilityMS)
	setDefault(&filled.PulseMS, contract.DefaultPulseMS)
	setDefault(&filled.PulseIdleMS, contract.DefaultPulseIdleMS)
	switch {
	case filled.PulseMS > filled.PulseIdleMS:
		return fmt.Errorf("Clocks.PulseMS is %d: make it at most PulseIdleMS, %d", filled.PulseMS, filled.PulseIdleMS)
	case filled.LeaseMS < 2*filled.PulseIdleMS:
		return fmt.Errorf("Clocks.LeaseMS is %d: make it at least twice PulseIdleMS, %d, or live workers lose their requests", filled.LeaseMS, filled.PulseIdleMS)
	case filled.VisibilityMS <= filled.LeaseMS:
		return fmt.Errorf("Clocks.VisibilityMS is %d: make it more than LeaseMS, %d, or a message comes back while its worker lives", filled.VisibilityMS, filled.LeaseMS)
	case filled.VisibilityMS > maxVisibilityMS:
		return fmt.Errorf("Clocks.VisibilityMS is %d: SQS takes at most %d, 12 hours", filled.VisibilityMS, maxVisibilityMS)
	}
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func copyOf[T any](p *T) *T {
	out := new(T)
	if p != nil {
		*out = *p
	}
	return out
}
