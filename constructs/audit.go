package constructs

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// AuditProps is the audit log: a line of JSON, in the logs of the router and the processors,
// for each message of a client but pings, each connection, and each result that is told. It
// has the time, the verb (connect, submit, upload, get, list, subscribe, unsubscribe, cancel,
// deliver, disconnect), the outcome (accepted, duplicate, refused with its code), tenant,
// subject, connection and address, and the request with its action and the object that a link
// was made to; it has no payload, no result, no token and no link. Handshakes that the
// authorizer refuses are in its own log, and downloads through a link in CloudTrail, if that
// records the bucket's data events. What a service does is in the service's own log:
// backend.Config.Audit.
//
// Whoever may read or delete a function's log may do so with the records in it. To keep them
// apart, in another account or where nobody can delete, subscribe to StreamerConstruct.AuditLogs
// with AuditPattern.
type AuditProps struct {
	// Retention is how long the logs are kept that hold the records, at least as long as
	// LogRetention. If RemovalPolicy is RETAIN they also stay when the stack goes. Default
	// one year.
	Retention awslogs.RetentionDays
}

// AuditPattern finds audit records in a log ("Filter pattern syntax for metric filters,
// subscription filters, filter log events, and Live Tail").
const AuditPattern = `{ $.msg = "` + contract.AuditMessage + `" }`

// withDefaults keeps records at least as long as the rest.
func (a *AuditProps) withDefaults(rest awslogs.RetentionDays) *AuditProps {
	if a == nil {
		return nil
	}
	out := copyOf(a)
	if out.Retention == "" {
		out.Retention = awslogs.RetentionDays_ONE_YEAR
		if retentionDays[rest] > retentionDays[out.Retention] {
			out.Retention = rest
		}
	}
	return out
}

// retentionDays are the times for which CloudWatch keeps logs ("PutRetentionPolicy"); the
// last one is for ever.
var retentionDays = map[awslogs.RetentionDays]int{
	awslogs.RetentionDays_ONE_DAY: 1, awslogs.RetentionDays_THREE_DAYS: 3, awslogs.RetentionDays_FIVE_DAYS: 5,
	awslogs.RetentionDays_ONE_WEEK: 7, awslogs.RetentionDays_TWO_WEEKS: 14, awslogs.RetentionDays_ONE_MONTH: 30,
	awslogs.RetentionDays_TWO_MONTHS: 60, awslogs.RetentionDays_THREE_MONTHS: 90, awslogs.RetentionDays_FOUR_MONTHS: 120,
	awslogs.RetentionDays_FIVE_MONTHS: 150, awslogs.RetentionDays_SIX_MONTHS: 180, awslogs.RetentionDays_ONE_YEAR: 365,
	awslogs.RetentionDays_THIRTEEN_MONTHS: 400, awslogs.RetentionDays_EIGHTEEN_MONTHS: 545, awslogs.RetentionDays_TWO_YEARS: 731,
	awslogs.RetentionDays_THREE_YEARS: 1096, awslogs.RetentionDays_FIVE_YEARS: 1827, awslogs.RetentionDays_SIX_YEARS: 2192,
	awslogs.RetentionDays_SEVEN_YEARS: 2557, awslogs.RetentionDays_EIGHT_YEARS: 2922, awslogs.RetentionDays_NINE_YEARS: 3288,
	awslogs.RetentionDays_TEN_YEARS: 3653, awslogs.RetentionDays_INFINITE: 9999,
}

func validateRetention(field string, asked awslogs.RetentionDays) error {
	if _, known := retentionDays[asked]; !known {
		return fmt.Errorf("%s is %q: give one of awslogs.RetentionDays_…", field, asked)
	}
	return nil
}

// validateLogs expects the defaults filled in.
func (p *StreamerProps) validateLogs() error {
	if err := validateRetention("LogRetention", p.LogRetention); err != nil || p.Audit == nil {
		return err
	}
	if err := validateRetention("Audit.Retention", p.Audit.Retention); err != nil {
		return err
	}
	if retentionDays[p.Audit.Retention] < retentionDays[p.LogRetention] {
		return fmt.Errorf("Audit.Retention is %s, and LogRetention %s: records are in the same logs, keep them at least as long", p.Audit.Retention, p.LogRetention)
	}
	return nil
}

// logs is what becomes of a log.
type logs struct {
	retention awslogs.RetentionDays
	removal   awscdk.RemovalPolicy
}

func (p *StreamerProps) logs() logs { return logs{p.LogRetention, awscdk.RemovalPolicy_DESTROY} }

func (p *StreamerProps) auditLogs() logs {
	if p.Audit == nil {
		return p.logs()
	}
	return logs{p.Audit.Retention, p.RemovalPolicy}
}

// audit tells a function to write records.
func (p *StreamerProps) audit(environment map[string]*string) {
	if p.Audit != nil {
		environment[contract.EnvAudit] = jsii.String(contract.Audited)
	}
}

// AuditLogs are the logs that hold the audit records, if StreamerProps.Audit is set: that of
// the router, that of the processor, and those of the workers by their names.
func (s *StreamerConstruct) AuditLogs() []awslogs.ILogGroup {
	if !s.audited {
		return nil
	}
	holders := []awslambda.Function{s.Router, s.Processor}
	for _, name := range slices.Sorted(maps.Keys(s.Workers)) {
		holders = append(holders, s.Workers[name].Processor)
	}
	var groups []awslogs.ILogGroup
	for _, holder := range holders {
		groups = append(groups, holder.LogGroup())
	}
	return groups
}
