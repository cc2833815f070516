package main

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/logs"
)

// checkPermissions asks IAM whether each function may do all that it needs, before a request
// finds out. What handlers need of their own is not known here, nor are the policies of keys, nor
// the keys of storage that was brought.
func checkPermissions(ctx context.Context, p *patient) ([]finding, error) {
	base, err := p.things(ctx)
	if err != nil {
		return nil, err
	}
	var found []finding
	asked, looked := 0, 0
	for _, g := range p.groups {
		f, err := p.function(ctx, g.Function)
		if err != nil {
			return found, err
		}
		needed, known := needs(g, f)
		if !known {
			continue
		}
		looked++
		role := aws.ToString(f.Role)
		for _, n := range needed {
			for _, arn := range p.arnsOf(n.On, base, g, f) {
				missing, err := p.missing(ctx, role, n.Actions, arn)
				if err != nil {
					return found, fmt.Errorf("ask what %s may do: %w", the(g.Label), err)
				}
				asked += len(n.Actions)
				if len(missing.actions) > 0 {
					found = append(found, wrong(missing.remedy(role), "%s may not %s on %s (%s)", the(g.Label), strings.Join(missing.actions, ", "), arn, n.On))
				}
			}
		}
	}
	if len(found) == 0 {
		found = append(found, ok("%s may do all %d things that they need", count(looked, "function"), asked))
	}
	return found, nil
}

// needs are the permissions of a function, unless it is none of Streamer's.
func needs(g logs.Group, f *lambda.GetFunctionConfigurationOutput) (all []contract.Permission, known bool) {
	settings := variables(f)
	own, known := map[string][]contract.Permission{
		contract.FunctionAuthorizer: nil, contract.FunctionRouter: contract.RouterMay, contract.FunctionDispatcher: contract.DispatcherMay, contract.FunctionReconciler: contract.ReconcilerMay,
	}[g.Label]
	if !known && settings[contract.EnvWorkQueueURL] != "" && settings[contract.EnvCallbackEndpoint] != "" {
		own, known = contract.ProcessorMay, true
	}
	all = append(all, own...)
	all = append(all, contract.EachMay...)
	switch {
	case aws.ToString(f.KMSKeyArn) == "":
	case g.Label == contract.FunctionAuthorizer: // which touches nothing that is kept
		all = append(all, contract.KeyMay...)
	default:
		all = append(all, contract.KeyUserMay...)
	}
	if settings[contract.EnvTracing] != "" {
		all = append(all, contract.TracedMay...)
	}
	if f.VpcConfig != nil && aws.ToString(f.VpcConfig.VpcId) != "" {
		all = append(all, contract.InVPCMay...)
	}
	return all, known
}

// things are the ARNs of what functions share. Of files, connections and log streams any one
// stands for all.
func (p *patient) things(ctx context.Context) (map[contract.Thing][]string, error) {
	requests, err := p.table(ctx, p.requestsTable)
	if err != nil {
		return nil, err
	}
	connections, err := p.table(ctx, p.connections.Table)
	if err != nil {
		return nil, err
	}
	table := aws.ToString(requests.TableArn)
	api, stage := p.api()
	connection := func(verb string) []string {
		return []string{p.arn("execute-api", api+"/"+stage+"/"+verb+"/@connections/any")}
	}
	all := map[contract.Thing][]string{
		contract.OnConnections:    {aws.ToString(connections.TableArn)},
		contract.OnRequests:       {table},
		contract.OnRequestsByUser: {table + "/index/" + contract.IndexByUser},
		contract.OnOpenRequests:   {table + "/index/" + contract.IndexOpen},
		contract.OnRequestsStream: {aws.ToString(requests.LatestStreamArn)},
		contract.OnFiles:          {"arn:" + p.partition() + ":s3:::" + p.files.Name + "/" + contract.FilesPrefix + "any"},
		contract.OnPosts:          connection("POST"),
		contract.OnCloses:         connection("DELETE"),
		contract.OnWorkQueues:     {p.queueARN(p.work)},
		contract.OnAnything:       {"*"},
	}
	for _, w := range p.workers {
		all[contract.OnWorkQueues] = append(all[contract.OnWorkQueues], p.queueARN(w.Queue))
	}
	for _, r := range p.parts {
		if r.Type == "AWS::SQS::Queue" && p.queueName(r) == undispatchedName {
			all[contract.OnUndispatched] = []string{p.queueARN(r.ID)}
		}
	}
	return all, nil
}

// arnsOf are the ARNs of a thing, as one function sees it.
func (p *patient) arnsOf(thing contract.Thing, shared map[contract.Thing][]string, g logs.Group, f *lambda.GetFunctionConfigurationOutput) []string {
	switch thing {
	case contract.OnOwnQueue:
		return []string{p.queueARN(variables(f)[contract.EnvWorkQueueURL])}
	case contract.OnKey:
		return []string{aws.ToString(f.KMSKeyArn)}
	case contract.OnOwnLog:
		return []string{p.arn("logs", "log-group:"+g.Name+":log-stream:any")}
	}
	return shared[thing]
}

func (p *patient) arn(service, resource string) string {
	return strings.Join([]string{"arn", p.partition(), service, p.Config.Region, p.Account, resource}, ":")
}

// queueARN is that of the queue at a URL, whose last parts are the account and its name.
func (p *patient) queueARN(url string) string { return p.arn("sqs", path.Base(url)) }

// partition is the part of AWS that the stage is in: aws, aws-cn, aws-us-gov.
func (p *patient) partition() string {
	_, rest, _ := strings.Cut(p.Caller, ":")
	partition, _, _ := strings.Cut(rest, ":")
	return partition
}

// missing is what a role may not do on a resource, and what keeps it from that.
type missing struct {
	actions                        []string
	denied, boundary, organization bool
}

func (p *patient) missing(ctx context.Context, role string, actions []string, arn string) (missing, error) {
	var m missing
	pages := iam.NewSimulatePrincipalPolicyPaginator(iam.NewFromConfig(p.Config), &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: &role, ActionNames: actions, ResourceArns: []string{arn},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return m, err
		}
		for _, r := range page.EvaluationResults {
			if r.EvalDecision == types.PolicyEvaluationDecisionTypeAllowed {
				continue
			}
			m.actions = append(m.actions, aws.ToString(r.EvalActionName))
			m.denied = m.denied || r.EvalDecision == types.PolicyEvaluationDecisionTypeExplicitDeny
			m.boundary = m.boundary || r.PermissionsBoundaryDecisionDetail != nil && !r.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary
			m.organization = m.organization || r.OrganizationsDecisionDetail != nil && !r.OrganizationsDecisionDetail.AllowedByOrganizations
		}
	}
	return m, nil
}

// remedy is what gives a role back what it may not do.
func (m missing) remedy(role string) string {
	name := path.Base(role)
	switch {
	case m.organization:
		return "a policy of the organization (SCP) forbids it: ask whoever keeps those"
	case m.boundary:
		return "the permissions boundary of the role " + name + " forbids it: widen it"
	case m.denied:
		return "a statement in a policy of the role " + name + " denies it: take that out"
	}
	return "put it into the inline policy of the role " + name + " again: a deployment does not see what was taken out by hand"
}

// checkRefusals asks the logs what functions were refused.
func checkRefusals(_ context.Context, p *patient) ([]finding, error) {
	all, err := p.errorsOf(true)
	if err != nil {
		return nil, err
	}
	var found []finding
	for _, of := range byFunction(all) {
		last := of[len(of)-1]
		found = append(found, wrong("grant it: what Streamer itself needs is named above, else it is what a handler needs",
			"%s was refused %s in the last hour, the last %s ago: %s", the(last.Function), count(len(of), "time"), age(last.Time, p.now), last.why()))
	}
	if len(found) == 0 {
		found = append(found, ok("no function was refused anything in the last hour"))
	}
	return found, nil
}
