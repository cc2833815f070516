package constructs_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pay-theory/streamer/constructs"
)

// everywhere is what each role may do.
func everywhere(function string) []string {
	return []string{
		"logs:CreateLogStream on ${" + function + "Logs.Arn}",
		"logs:PutLogEvents on ${" + function + "Logs.Arn}",
		"xray:PutTelemetryRecords on *",
		"xray:PutTraceSegments on *",
	}
}

const (
	files    = "${Files.Arn}/t/*"
	closings = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/v1/DELETE/@connections/*"
	posts    = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/v1/POST/@connections/*"
)

var permissions = map[string][]string{
	"Authorizer": {},
	"Router": {
		"dynamodb:DeleteItem on ${Connections.Arn}",
		"dynamodb:GetItem on ${Connections.Arn}",
		"dynamodb:PutItem on ${Connections.Arn}",
		"dynamodb:GetItem on ${Requests.Arn}",
		"dynamodb:BatchGetItem on ${Requests.Arn}",
		"dynamodb:PutItem on ${Requests.Arn}",
		"dynamodb:UpdateItem on ${Requests.Arn}",
		"dynamodb:Query on ${Requests.Arn}/index/by_user",
		"s3:GetObject on " + files,
		"s3:PutObject on " + files,
		"execute-api:ManageConnections on " + posts,
	},
	"Dispatcher": {
		"dynamodb:DescribeStream on ${Requests.StreamArn}",
		"dynamodb:GetRecords on ${Requests.StreamArn}",
		"dynamodb:GetShardIterator on ${Requests.StreamArn}",
		"dynamodb:ListStreams on *",
		"sqs:SendMessage on ${Work.Arn}",
		"sqs:SendMessage on ${Undispatched.Arn}",
	},
	"Processor": {
		"sqs:ChangeMessageVisibility on ${Work.Arn}",
		"sqs:DeleteMessage on ${Work.Arn}",
		"sqs:GetQueueAttributes on ${Work.Arn}",
		"sqs:ReceiveMessage on ${Work.Arn}",
		"dynamodb:PutItem on ${Requests.Arn}", // states and the results of effects
		"dynamodb:GetItem on ${Requests.Arn}",
		"dynamodb:UpdateItem on ${Requests.Arn}",
		"dynamodb:DeleteItem on ${Connections.Arn}",
		"s3:GetObject on " + files,
		"s3:PutObject on " + files,
		"execute-api:ManageConnections on " + posts,
	},
	"Reconciler": {
		"dynamodb:DeleteItem on ${Connections.Arn}",
		"dynamodb:Scan on ${Connections.Arn}",
		"execute-api:ManageConnections on " + closings,
		"dynamodb:Query on ${Requests.Arn}/index/open",
		"dynamodb:GetItem on ${Requests.Arn}",
		"dynamodb:UpdateItem on ${Requests.Arn}",
		"sqs:SendMessage on ${Work.Arn}",
	},
}

// sampleReport is what the sample processor may do besides, where the report is its own.
const sampleReport = "dynamodb:Query on ${Requests.Arn}/index/by_tenant"

// TestEachRoleMayDoWhatItsFunctionDoesAndNoMore is all that stands for the grants which the
// local stage does not enforce; TestEachGrantIsNeeded of package integ takes the others away
// there, one by one.
func TestEachRoleMayDoWhatItsFunctionDoesAndNoMore(t *testing.T) {
	custom := synth(t, nil, &constructs.StreamerProps{Processor: constructs.FunctionProps{ImportPath: "example.com/app/cmd/processor"}})
	sample := synth(t, nil, nil)
	for function, want := range permissions {
		want = append(everywhere(function), want...)
		compare(t, function, custom.allowed(t, function), want)
		if function == "Processor" {
			want = append(want, sampleReport)
		}
		compare(t, function, sample.allowed(t, function), want)
	}
}

// TestWildcards: what a statement leaves open is listed here, with the reason.
func TestWildcards(t *testing.T) {
	reasons := map[string]string{
		"xray:PutTelemetryRecords on *":                "takes no resource",
		"xray:PutTraceSegments on *":                   "takes no resource",
		"dynamodb:ListStreams on *":                    "takes no resource",
		"execute-api:ManageConnections on " + posts:    "connection ids are not known beforehand",
		"execute-api:ManageConnections on " + closings: "as above",
		"s3:GetObject on " + files:                     "nor object keys",
		"s3:PutObject on " + files:                     "nor object keys",
	}
	tpl := synth(t, nil, nil)
	for function := range permissions {
		for _, permission := range tpl.allowed(t, function) {
			if _, listed := reasons[permission]; strings.Contains(permission, "*") && !listed {
				t.Errorf("%s may do %s", function, permission)
			}
		}
		role := tpl.Resources[function+"Role"].Properties
		if managed := at(role, "ManagedPolicyArns"); managed != nil {
			t.Errorf("%s has managed policies: %v", function, managed)
		}
	}
	if roles := tpl.ofType("AWS::IAM::Role"); len(roles) != len(permissions) {
		t.Errorf("roles %v", roles)
	}
}

// TestFeatureFlagsDoNotWeakenAnything: an app of a user may have other flags than ours.
func TestFeatureFlagsDoNotWeakenAnything(t *testing.T) {
	for _, stack := range stackNames {
		with, without := templateOf(t, deployable(t, stack, true)), templateOf(t, deployable(t, stack, false))
		for name, r := range with.Resources {
			if r.Type == "AWS::IAM::Policy" { // a flag merges statements
				once := func(tpl template) []string {
					return slices.Compact(slices.Sorted(slices.Values(tpl.allowedBy(t, name))))
				}
				compare(t, stack+", "+name, once(without), once(with))
				continue
			}
			other, found := without.Resources[name]
			if !found {
				t.Errorf("%s: %s exists only with feature flags", stack, name)
				continue
			}
			if got, want := jsonOf(t, other), jsonOf(t, r); neutral(got) != neutral(want) {
				t.Errorf("%s: %s differs\nwithout %s\nwith    %s", stack, name, got, want)
			}
		}
		if len(with.Resources) != len(without.Resources) {
			t.Errorf("%s: %d resources with feature flags, %d without", stack, len(with.Resources), len(without.Resources))
		}
	}
}

// neutral hides what flags may change: how a partition is written, and of what a version's
// hash is made.
func neutral(text string) string {
	return versionHash.ReplaceAllString(strings.ReplaceAll(text, "arn:aws:", "arn:${AWS::Partition}:"), "CurrentVersion")
}

var versionHash = regexp.MustCompile(`CurrentVersion[0-9A-F]{8}[0-9a-f]{32}`)

// allowed lists "action on resource" for the role of a function.
func (tpl template) allowed(t *testing.T, function string) []string {
	t.Helper()
	return tpl.allowedBy(t, function+"RoleDefaultPolicy")
}

// allowedBy lists it for a policy.
func (tpl template) allowedBy(t *testing.T, policy string) []string {
	t.Helper()
	var out []string
	statements, _ := at(tpl.Resources[policy].Properties, "PolicyDocument.Statement").([]any)
	for _, s := range statements {
		statement := s.(map[string]any)
		if statement["Effect"] != "Allow" || statement["NotAction"] != nil || statement["NotResource"] != nil {
			t.Errorf("%s has the statement %v", policy, statement)
		}
		for _, action := range list(statement["Action"]) {
			for _, resource := range list(statement["Resource"]) {
				out = append(out, fmt.Sprintf("%s on %s", action, resource))
			}
		}
	}
	return out
}

func list(value any) []any {
	if many, ok := value.([]any); ok {
		return many
	}
	return []any{value}
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	count := map[string]int{}
	for _, g := range got {
		count[g]++
	}
	for _, w := range want {
		count[w]--
	}
	for _, line := range slices.Sorted(maps.Keys(count)) {
		if count[line] > 0 {
			t.Errorf("%s: unexpected: %s", what, line)
		}
		if count[line] < 0 {
			t.Errorf("%s: missing: %s", what, line)
		}
	}
}
