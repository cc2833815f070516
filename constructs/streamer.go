package constructs

import (
	"errors"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// StreamerConstruct is a deployed Streamer. It is a scope like any construct; its
// fields are the resources, for grants, metrics, overrides and whatever else the AWS
// CDK does with them.
type StreamerConstruct struct {
	constructs.Construct
	reference

	API    awsapigatewayv2.WebSocketApi
	Stage  awsapigatewayv2.WebSocketStage
	Routes Routes
	Domain Domain

	Connections awsdynamodb.ITableV2 // one item per open WebSocket
	Requests    awsdynamodb.ITableV2 // the truth about every async request
	Files       awss3.IBucket        // results, reports and large payloads, all under contract.FilesPrefix

	WorkQueue    awssqs.Queue // hints that a request waits for the processor
	DeadLetters  awssqs.Queue // hints that were delivered too often
	Undispatched awssqs.Queue // where in the stream the dispatcher gave up

	Authorizer awslambda.IFunction // $connect: who is it; nil with AuthProps.IAM
	Router     awslambda.Function  // answers every message
	Dispatcher awslambda.Function  // from the requests' stream to the work queues
	Processor  awslambda.Function  // does the work that no worker does
	Reconciler awslambda.Function  // sends lost hints again

	DispatcherSource awslambda.EventSourceMapping
	ProcessorSource  awslambda.EventSourceMapping
	ReconcilerRule   awsevents.Rule

	// Aliases are the functions as they are invoked, by "router", "dispatcher", "processor",
	// "reconciler" and, if it is ours, "authorizer". Concurrency is provisioned for these.
	Aliases map[string]awslambda.Alias
	// StartChecks ask the functions whether they work, by the same names; empty with
	// StreamerProps.UncheckedStart. They go by what the template says of a function; a property
	// that you override with a value that only the deployment knows, such as a parameter, must
	// be overridden in Settings of the check too, to be of any effect when that value changes.
	StartChecks map[string]awscdk.CustomResource

	Workers map[string]*Worker // by name, those of StreamerProps.Workers

	Alarms Alarms

	VPCEndpoints *VPCEndpoints // nil without StreamerProps.VPCEndpoints

	audited      bool
	common       common
	outputPrefix string
	local        *localStage
}

// ToString is the construct's path. (A Go struct that stands in for a construct must
// override at least one method.)
func (s *StreamerConstruct) ToString() *string { return s.Node().Path() }

// NewStreamer adds a Streamer to scope. Nil props are legal: the sample actions, and
// every connection refused. It panics if a prop is bad, naming the construct's path,
// the field and the cure.
func NewStreamer(scope constructs.Construct, id string, props *StreamerProps) *StreamerConstruct {
	s := &StreamerConstruct{reference: reference{stack: awscdk.Stack_Of(scope)}, Workers: map[string]*Worker{}, Aliases: map[string]awslambda.Alias{}, StartChecks: map[string]awscdk.CustomResource{}}
	constructs.NewConstruct_Override(s, scope, jsii.String(id))

	local, err := readLocalStage(s)
	check(s, err)
	s.local = local
	p := props.withDefaults()
	p.Domain = local.domain(p.Domain)
	check(s, errors.Join(p.validate(), props.validateAuthorizer(), props.validateStorage(), p.Domain.validateCertificate(s.stack)))
	p.Auth = local.auth(p.Auth)
	p.Architecture = local.architecture(p.Architecture)
	p.RemovalPolicy = local.removalPolicy(p.RemovalPolicy)
	s.warnAboutAuth(p.Auth)

	letLogsUse(s, p.EncryptionKey)
	s.outputPrefix, s.audited = p.OutputPrefix, p.Audit != nil
	s.addStorage(&p)
	s.addQueues(&p)
	s.addAPI(&p)
	s.reference = s.refer(&p)
	s.addFunctions(&p)
	s.functionNames, s.workers = map[string]*string{}, map[string]IWorker{}
	for name, function := range s.functions() {
		s.functionNames[name] = function.FunctionName()
	}
	for name, worker := range s.Workers {
		s.workers[name] = worker
	}
	s.addAliases(&p)
	s.addRoutes(&p)
	s.addSources(&p)
	s.addAlarms(&p)
	s.AddAlarmAction(p.Alarms.Actions...)
	s.addNetwork(&p)
	if p.PermissionsBoundary != nil {
		awsiam.PermissionsBoundary_Of(s).Apply(p.PermissionsBoundary)
	}
	return s
}

// refer is what grants and metrics need to know of s.
func (s *StreamerConstruct) refer(p *StreamerProps) reference {
	return reference{
		stack: s.stack,
		apiID: s.API.ApiId(), stageName: s.Stage.StageName(),
		webSocketURL: s.local.webSocketURL(s, p.Domain), callbackURL: s.local.callbackURL(s),
		connections: s.Connections, requests: s.Requests, files: s.Files,
		workQueue: s.WorkQueue, deadLetters: s.DeadLetters,
		keys: s.storageKeys(p),
	}
}

// check panics, as the CDK does on bad props.
func check(scope constructs.Construct, err error) {
	if err != nil {
		panic(fmt.Sprintf("streamer %s: %v", *scope.Node().Path(), err))
	}
}
