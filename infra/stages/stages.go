// Package stages is the deployable app: the stages that exist, as data, and the stack
// that each of them is.
package stages

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

// Stage is what one stage has of its own. Its stack is named "Streamer-" and the
// stage's name.
type Stage struct {
	RemovalPolicy         awscdk.RemovalPolicy
	LogRetention          awslogs.RetentionDays
	Audit                 *constructs.AuditProps
	TerminationProtection bool
	MaxConcurrency        int
	// ReportConcurrency is how many reports are made at once.
	ReportConcurrency int
	// DemoData lets scripts/demo-setup fill the stage with made-up requests.
	DemoData bool
	// WebOrigins are those of the pages that may fetch and send files, unless the setting
	// webOrigins names others.
	WebOrigins []string
	Clocks     *constructs.Clocks
	// Limits are those of each user and tenant; nil: there are none.
	Limits *constructs.LimitsProps
}

// localStage is on this machine, in an emulator of AWS.
const localStage = "local"

// defaultStage is used without -c stage=….
func defaultStage(local bool) string {
	if local {
		return localStage
	}
	return "dev"
}

var stages = map[string]Stage{
	// Clocks so short that a test sees a lease run out, and room for 50 requests at once.
	localStage: {
		RemovalPolicy:  awscdk.RemovalPolicy_DESTROY,
		LogRetention:   awslogs.RetentionDays_ONE_DAY,
		Audit:          &constructs.AuditProps{Retention: awslogs.RetentionDays_ONE_DAY},
		MaxConcurrency: 100, ReportConcurrency: 20,
		DemoData:   true,
		WebOrigins: []string{"http://127.0.0.1:*"},
		Clocks:     &constructs.Clocks{LeaseMS: 6_000, VisibilityMS: 12_000, PulseMS: 1_000, PulseIdleMS: 2_000, ProgressMS: 250},
	},
	// A stage to try things on, and to throw away: small, so that nothing runs away at night.
	"dev": {
		RemovalPolicy:  awscdk.RemovalPolicy_DESTROY,
		LogRetention:   awslogs.RetentionDays_ONE_WEEK,
		MaxConcurrency: 10, ReportConcurrency: 2,
		DemoData: true,
	},
	// A stage that has to be there tomorrow. Its tables, its bucket and what they hold stay
	// whatever becomes of the stack, and nobody removes the stack by mistake.
	"prod": {
		RemovalPolicy:         awscdk.RemovalPolicy_RETAIN,
		LogRetention:          awslogs.RetentionDays_THREE_MONTHS,
		Audit:                 &constructs.AuditProps{},
		TerminationProtection: true,
		MaxConcurrency:        500,
		ReportConcurrency:     50,
		// A tab for each of one's devices, and a day's work at once.
		Limits: &constructs.LimitsProps{User: constructs.AllowanceProps{Connections: 20, Requests: 100, SubmitsPerSecond: 10}},
	},
}

// find returns the stage called name, or an error that lists those that exist.
func find(name string) (Stage, error) {
	stage, known := stages[name]
	if !known {
		return Stage{}, fmt.Errorf("there is no stage %q: choose one of %s with -c stage=…", name,
			strings.Join(slices.Sorted(maps.Keys(stages)), ", "))
	}
	return stage, nil
}

// tags are on every resource of the stack that can have some.
func (s Stage) tags(name string) *map[string]*string {
	tags := map[string]*string{"application": jsii.String("streamer"), "stage": jsii.String(name)}
	if s.DemoData {
		tags["demo-data"] = jsii.String("allowed")
	}
	return &tags
}
