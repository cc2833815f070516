package constructs

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// addFunctions makes the functions, those of workers too. Each gets the variables and the
// permissions that it uses, and no others.
func (s *StreamerConstruct) addFunctions(p *StreamerProps) {
	s.common = common{architecture: p.Architecture, logs: p.logs(), auditLogs: p.auditLogs(), key: p.EncryptionKey, keys: s.keys, local: s.local}
	s.Authorizer = s.authorizer(p)

	router := s.withWorkers(map[string]*string{ // to refuse names that no action has
		contract.EnvConnectionsTable: s.Connections.TableName(),
		contract.EnvRequestsTable:    s.Requests.TableName(),
		contract.EnvFilesBucket:      s.Files.BucketName(),
		contract.EnvCallbackEndpoint: s.CallbackURL(),
	})
	p.meter(router)
	s.trace(router, p.Router, p.Tracing.Percent)
	p.audit(router)
	if p.Auth != nil && p.Auth.IAM {
		router[contract.EnvIAM] = jsii.String(p.Auth.iamEnvironment())
	}
	if p.Limits != nil {
		router[contract.EnvLimits] = jsii.String(p.Limits.environment())
	}
	s.Router = newFunction(s, "Router", s.common, function{
		description: "Streamer: answers every message of every client",
		props:       p.Router,
		environment: router,
		permissions: s.allowed(contract.RouterMay, nil),
		usesKeys:    true,
		audited:     p.Audit != nil,
	})

	dispatcher := s.withWorkers(map[string]*string{
		contract.EnvRequestsTable: s.Requests.TableName(), // a metric dimension
		contract.EnvWorkQueueURL:  s.WorkQueue.QueueUrl(),
	})
	s.trace(dispatcher, p.Dispatcher, 0)
	s.Dispatcher = newFunction(s, "Dispatcher", s.common, function{
		description: "Streamer: sends a hint to a work queue for each request that waits",
		props:       p.Dispatcher,
		environment: dispatcher,
		permissions: s.allowed(contract.DispatcherMay, nil),
		usesKeys:    true,
	})

	s.Processor = s.newProcessor(s, p, processor{
		description: "Streamer: does the work of async actions",
		props:       p.Processor,
		queue:       s.WorkQueue,
		environment: s.withWorkers(map[string]*string{}),
		reports:     !slices.ContainsFunc(p.Workers, WorkerProps.reports),
	})
	for _, w := range p.Workers {
		s.addWorkerProcessor(p, w)
	}

	reconciler := s.withWorkers(map[string]*string{
		contract.EnvConnectionsTable: s.Connections.TableName(),
		contract.EnvRequestsTable:    s.Requests.TableName(),
		contract.EnvWorkQueueURL:     s.WorkQueue.QueueUrl(),
		contract.EnvCallbackEndpoint: s.CallbackURL(),
	})
	s.trace(reconciler, p.Reconciler, 0)
	s.Reconciler = newFunction(s, "Reconciler", s.common, function{
		description: "Streamer: sends hints again that were lost, and closes connections whose token has run out",
		props:       p.Reconciler,
		environment: reconciler,
		permissions: s.allowed(contract.ReconcilerMay, nil),
		usesKeys:    true,
	})
}

// meter names the tenants that are measured by themselves.
func (p *StreamerProps) meter(environment map[string]*string) {
	if len(p.MeteredTenants) > 0 {
		environment[contract.EnvMeteredTenants] = jsii.String(strings.Join(p.MeteredTenants, " "))
	}
}

// processor is what one processor has of its own.
type processor struct {
	description string
	props       FunctionProps
	queue       awssqs.Queue
	environment map[string]*string
	reports     bool // the action of the sample report is its own
}

func (s *StreamerConstruct) newProcessor(scope constructs.Construct, p *StreamerProps, own processor) awslambda.Function {
	environment := map[string]*string{
		contract.EnvConnectionsTable: s.Connections.TableName(),
		contract.EnvRequestsTable:    s.Requests.TableName(),
		contract.EnvFilesBucket:      s.Files.BucketName(),
		contract.EnvWorkQueueURL:     own.queue.QueueUrl(),
		contract.EnvCallbackEndpoint: s.CallbackURL(),
	}
	p.meter(environment)
	s.trace(environment, own.props, 0)
	p.audit(environment)
	if *p.Clocks != (Clocks{}) {
		environment[contract.EnvClocks] = jsii.String(p.Clocks.environment())
	}
	maps.Copy(environment, own.environment)
	made := newFunction(scope, "Processor", s.common, function{
		description: own.description,
		props:       own.props,
		environment: environment,
		permissions: s.allowed(contract.ProcessorMay, own.queue),
		usesKeys:    true,
		audited:     p.Audit != nil,
	})
	if own.reports && own.props.ImportPath == mainOf("processor") {
		s.GrantReadRequests(made) // the sample report is about them
	}
	return made
}

// authorizer is the function that decides on $connect, nil if API Gateway does.
func (s *StreamerConstruct) authorizer(p *StreamerProps) awslambda.IFunction {
	environment := map[string]*string{contract.EnvRequestsTable: s.Requests.TableName()} // a metric dimension
	switch auth := p.Auth; {
	case auth == nil:
	case auth.IAM:
		return nil
	case auth.Authorizer != nil:
		return auth.Authorizer
	default:
		environment[contract.EnvAuth] = jsii.String(auth.environment())
	}
	return newFunction(s, "Authorizer", s.common, function{
		description: "Streamer: decides on $connect whose token it is",
		props:       p.Authorizer,
		environment: environment,
	})
}

// environment is the value of contract.EnvClocks.
func (c *Clocks) environment() string {
	out, err := json.Marshal(c)
	if err != nil {
		panic(err) // a struct of numbers
	}
	return string(out)
}
