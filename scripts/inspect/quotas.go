package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas/types"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/cost"
)

// load is the most that the settings of a stage allow, and what it had lately.
type load struct {
	running  int     // requests under work at once
	messages float64 // a second; 0 if nothing but the account bounds them
	posts    float64 // frames a second to one watcher of each running request
	open     float64 // connections, the most in the last day
}

// checkQuotas compares what the account may have with what the stage's settings need.
func checkQuotas(ctx context.Context, p *patient) ([]finding, error) {
	most, err := p.load(ctx)
	if err != nil {
		return nil, err
	}
	first, err := p.concurrency(ctx, most)
	if err != nil {
		return nil, err
	}
	found := []finding{first, p.room()}
	for _, q := range quotas {
		f, err := p.compare(ctx, q, most)
		switch {
		case err != nil && p.Emulator != "":
			return append(found, know("", "the quotas of API Gateway and DynamoDB cannot be asked here: the local stage has none")), nil
		case err != nil && (denied(err) || ctx.Err() != nil):
			return found, err // so would be the others
		case err != nil:
			f = unseen(p.session, err)
		}
		found = append(found, f)
	}
	return found, nil
}

// load reads the stage's settings.
func (p *patient) load(ctx context.Context) (most load, err error) {
	for _, id := range p.of("AWS::Lambda::EventSourceMapping") {
		mapping, err := p.source(ctx, id)
		if err != nil {
			return most, err
		}
		if mapping.ScalingConfig == nil {
			continue
		}
		running := int(aws.ToInt32(mapping.ScalingConfig.MaximumConcurrency))
		most.running += running
		every, err := p.progressEvery(ctx, aws.ToString(mapping.FunctionArn))
		if err != nil {
			return most, err
		}
		most.posts += float64(running) / every.Seconds()
	}
	if most.messages, err = p.throttle(ctx); err != nil {
		return most, err
	}
	open, err := p.measured(ctx, contract.MetricNamespace, contract.MetricLiveConnections.Name, contract.DimensionService, []string{p.requestsTable}, "Maximum", 24*time.Hour)
	for _, n := range open[p.requestsTable] {
		most.open = max(most.open, n)
	}
	return most, err
}

// progressEvery is how often a processor posts the progress of a request at most.
func (p *patient) progressEvery(ctx context.Context, function string) (time.Duration, error) {
	f, err := p.function(ctx, function)
	if err != nil {
		return 0, err
	}
	clocks := struct{ Progress int }{contract.DefaultProgressMS}
	if text := variables(f)[contract.EnvClocks]; text != "" {
		if err := json.Unmarshal([]byte(text), &clocks); err != nil {
			return 0, fmt.Errorf("read %s of %s: %w", contract.EnvClocks, function, err)
		}
	}
	return time.Duration(clocks.Progress) * time.Millisecond, nil
}

// throttle is how many messages a second the stage takes of all clients.
func (p *patient) throttle(ctx context.Context) (float64, error) {
	api, name := p.api()
	out, err := apigatewayv2.NewFromConfig(p.Config).GetStage(ctx, &apigatewayv2.GetStageInput{ApiId: &api, StageName: &name})
	if err != nil {
		return 0, fmt.Errorf("look at the stage %s of the API %s: %w", name, api, err)
	}
	if out.DefaultRouteSettings == nil {
		return 0, nil
	}
	return aws.ToFloat64(out.DefaultRouteSettings.ThrottlingRateLimit), nil
}

// others is how many runs at once processors should leave to router, authorizer and
// dispatcher (OPERATING.md, "Quotas").
const others = 200

func (p *patient) concurrency(ctx context.Context, most load) (finding, error) {
	out, err := lambda.NewFromConfig(p.Config).GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if err != nil {
		return finding{}, fmt.Errorf("look at the account's limits: %w", err)
	}
	limit := int(aws.ToInt32(out.AccountLimit.UnreservedConcurrentExecutions))
	do := "ask for more concurrent executions in Service Quotas, or lower MaxConcurrency: " + operating + "quotas"
	switch {
	case most.running > limit:
		return wrong(do, "processors may run %d at once, and the account has %d: a full queue refuses messages", most.running, limit), nil
	case most.running+others > limit:
		return know(do, "processors may run %d at once of the account's %d: that leaves less than %d to the other functions", most.running, limit, others), nil
	}
	return ok("processors may run %d at once, of the account's %d", most.running, limit), nil
}

// stackResources is how many a stack may have, which nobody can raise ("AWS CloudFormation
// quotas"); a worker is eleven.
const (
	stackResources  = 500
	workerResources = 11
)

func (p *patient) room() finding {
	if left := stackResources - len(p.parts); left < workerResources {
		return know("give Streamer a stack of its own", "the stack has %d resources of %d: there is no room for another worker", len(p.parts), stackResources)
	}
	return ok("the stack has %d resources, of %d", len(p.parts), stackResources)
}

// quota is one that Service Quotas tells.
type quota struct {
	service, code string
	// needs is how much the stage may want of it, and why.
	needs func(load) (n float64, why string)
	what  string
}

// reconnecting is the time in which all clients should be back after an outage.
const reconnecting = time.Minute

var quotas = []quota{
	{"apigateway", "L-8A5B8E43", func(l load) (float64, string) {
		return l.messages + l.posts, fmt.Sprintf("%.0f messages and, to one watcher each, %.0f frames of progress", l.messages, l.posts)
	}, "requests a second to all APIs"},
	{"apigateway", "L-9ED1E49A", func(l load) (float64, string) {
		return l.open / reconnecting.Seconds(), fmt.Sprintf("%.0f clients that come back within a minute", l.open)
	}, "new connections a second to all WebSocket APIs"},
	{"dynamodb", "L-AB614373", func(l load) (float64, string) {
		each := 0.0 // with the indexes, which share what a table has
		for _, units := range (cost.Workload{Duration: time.Second, Payload: 150, Result: 300}).TableWrites() {
			each += units
		}
		pulses := float64(l.running) / (contract.DefaultPulseMS / 1000)
		return l.messages*each + pulses, fmt.Sprintf("%.0f new requests a second, and %d under work", l.messages, l.running)
	}, "write units a second to a table"},
}

// compare asks for one quota. More than half of what an account has for everybody is worth
// knowing.
func (p *patient) compare(ctx context.Context, q quota, most load) (finding, error) {
	has, err := p.quota(ctx, q)
	if err != nil {
		return finding{}, fmt.Errorf("ask for the quota %s of %s: %w", q.code, q.service, err)
	}
	needs, why := q.needs(most)
	do := fmt.Sprintf("ask for more: aws service-quotas request-service-quota-increase --service-code %s --quota-code %s --desired-value N; %squotas", q.service, q.code, operating)
	switch {
	case needs > has:
		return know(do, "the account has %.0f %s, and this stage may need %.0f: %s", has, q.what, needs, why), nil
	case needs > has/2:
		return know(do, "of the account's %.0f %s this stage may need %.0f, more than half: %s", has, q.what, needs, why), nil
	}
	return ok("of the account's %.0f %s this stage may need %.0f", has, q.what, needs), nil
}

func (p *patient) quota(ctx context.Context, q quota) (float64, error) {
	client := servicequotas.NewFromConfig(p.Config)
	out, err := client.GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{ServiceCode: &q.service, QuotaCode: &q.code})
	if _, never := errors.AsType[*types.NoSuchResourceException](err); never { // nobody ever asked for another
		usual, err := client.GetAWSDefaultServiceQuota(ctx, &servicequotas.GetAWSDefaultServiceQuotaInput{ServiceCode: &q.service, QuotaCode: &q.code})
		if err != nil {
			return 0, err
		}
		return aws.ToFloat64(usual.Quota.Value), nil
	}
	if err != nil {
		return 0, err
	}
	return aws.ToFloat64(out.Quota.Value), nil
}

// api is the WebSocket API and its stage.
func (p *patient) api() (id, stage string) {
	for _, id := range p.of("AWS::ApiGatewayV2::Api") {
		if strings.Contains(p.callback, id) {
			return id, path.Base(p.callback)
		}
	}
	return "", ""
}
