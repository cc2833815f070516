package constructs

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// addFunctions makes the functions, those of workers too. Each gets the variables and the
// permissions that it uses, and no others.
func (s *StreamerConstruct) addFunctions(p *StreamerProps) {
	s.Authorizer = s.authorizer(p)

	router := s.withWorkers(map[string]*string{ // to refuse names that no action has
		contract.EnvConnectionsTable: s.Connections.TableName(),
		contract.EnvRequestsTable:    s.Requests.TableName(),
		contract.EnvFilesBucket:      s.Files.BucketName(),
		contract.EnvCallbackEndpoint: s.CallbackURL(),
	})
	p.meter(router)
	if p.Auth != nil && p.Auth.IAM {
		router[contract.EnvIAM] = jsii.String(p.Auth.iamEnvironment())
	}
	s.Router = s.newFunction(s, "Router", p, function{
		description: "Streamer: answers every message of every client",
		props:       p.Router,
		environment: router,
		permissions: []permission{
			allow(s.Connections.TableArn(), "dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:DeleteItem"),
			allow(s.Requests.TableArn(), "dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:BatchGetItem"),
			allow(s.requestsIndex(contract.IndexByUser), "dynamodb:Query"),
			allow(s.everyFile(), "s3:PutObject", "s3:GetObject"),
			allow(s.everyConnection("POST"), "execute-api:ManageConnections"),
		},
		usesKey: true,
	})

	s.Dispatcher = s.newFunction(s, "Dispatcher", p, function{
		description: "Streamer: sends a hint to a work queue for each request that waits",
		props:       FunctionProps{ImportPath: mainOf("dispatcher"), MemoryMB: 256, TimeoutSeconds: 30},
		environment: s.withWorkers(map[string]*string{
			contract.EnvRequestsTable: s.Requests.TableName(), // a metric dimension
			contract.EnvWorkQueueURL:  s.WorkQueue.QueueUrl(),
		}),
		permissions: append(s.sendHints(),
			allow(s.Requests.TableStreamArn(), "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
			allow(jsii.String("*"), "dynamodb:ListStreams"), // takes no resource
			allow(s.Undispatched.QueueArn(), "sqs:SendMessage"),
		),
		usesKey: true,
	})

	s.Processor = s.newProcessor(s, p, processor{
		description: "Streamer: does the work of async actions",
		props:       p.Processor,
		queue:       s.WorkQueue,
		environment: s.withWorkers(map[string]*string{}),
	})
	for _, w := range p.Workers {
		s.addWorkerProcessor(p, w)
	}

	s.Reconciler = s.newFunction(s, "Reconciler", p, function{
		description: "Streamer: finds requests whose hint was lost and sends it again",
		props:       FunctionProps{ImportPath: mainOf("reconciler"), MemoryMB: 256, TimeoutSeconds: 120},
		environment: s.withWorkers(map[string]*string{
			contract.EnvConnectionsTable: s.Connections.TableName(),
			contract.EnvRequestsTable:    s.Requests.TableName(),
			contract.EnvWorkQueueURL:     s.WorkQueue.QueueUrl(),
		}),
		permissions: append(s.sendHints(),
			allow(s.Connections.TableArn(), "dynamodb:Scan"), // to count them
			allow(s.requestsIndex(contract.IndexOpen), "dynamodb:Query"),
			allow(s.Requests.TableArn(), "dynamodb:GetItem", "dynamodb:UpdateItem"),
		),
		usesKey: true,
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
	if *p.Clocks != (Clocks{}) {
		environment[contract.EnvClocks] = jsii.String(p.Clocks.environment())
	}
	maps.Copy(environment, own.environment)
	made := s.newFunction(scope, "Processor", p, function{
		description: own.description,
		props:       own.props,
		environment: environment,
		permissions: append(s.reporting(),
			allow(own.queue.QueueArn(), "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"),
		),
		usesKey: true,
	})
	if own.props.ImportPath == mainOf("processor") {
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
	return s.newFunction(s, "Authorizer", p, function{
		description: "Streamer: decides on $connect whose token it is",
		props:       FunctionProps{ImportPath: mainOf("authorizer"), MemoryMB: 256, TimeoutSeconds: 10},
		environment: environment,
	})
}

// function is what one function has of its own.
type function struct {
	description string
	props       FunctionProps
	environment map[string]*string
	permissions []permission
	usesKey     bool // touches what StreamerProps.EncryptionKey encrypts
}

// newFunction makes a function with a role and a log group of its own.
func (s *StreamerConstruct) newFunction(parent constructs.Construct, name string, p *StreamerProps, f function) awslambda.Function {
	scope := constructs.NewConstruct(parent, jsii.String(name))
	logs := awslogs.NewLogGroup(scope, jsii.String("Logs"), &awslogs.LogGroupProps{
		Retention:     p.LogRetention,
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
		EncryptionKey: p.EncryptionKey,
	})
	role := awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
	})
	permissions := append(f.permissions, allow(logs.LogGroupArn(), "logs:CreateLogStream", "logs:PutLogEvents"))
	if f.props.VPC != nil {
		permissions = append(permissions, allow(jsii.String("*"), networkInterfaces...))
	}
	for _, permission := range permissions {
		role.AddToPolicy(permission.statement())
	}
	switch {
	case p.EncryptionKey == nil:
	case f.usesKey:
		p.EncryptionKey.GrantEncryptDecrypt(role)
	default:
		p.EncryptionKey.GrantDecrypt(role) // its own variables
	}

	environment := maps.Clone(f.environment)
	for key, value := range f.props.Environment {
		environment[key] = jsii.String(value)
	}
	built := &binary{importPath: f.props.ImportPath, goos: s.local.goos(), goarch: goarch(p.Architecture)}
	code := f.props.Code
	if code == nil {
		code = built.code()
	}
	made := awslambda.NewFunction(scope, jsii.String("Function"), &awslambda.FunctionProps{
		Description:  jsii.String(f.description),
		Code:         code,
		Runtime:      awslambda.Runtime_PROVIDED_AL2023(),
		Handler:      jsii.String("bootstrap"),
		Architecture: p.Architecture,
		MemorySize:   jsii.Number(f.props.MemoryMB),
		Timeout:      awscdk.Duration_Seconds(jsii.Number(f.props.TimeoutSeconds)),
		Environment:  &environment, EnvironmentEncryption: p.EncryptionKey,
		Role:     role,
		LogGroup: logs,
		Tracing:  awslambda.Tracing_ACTIVE, // adds the two X-Ray writes to the role
		Vpc:      f.props.VPC, VpcSubnets: f.props.Subnets, SecurityGroups: securityGroups(f.props.SecurityGroups),
	})
	if built.failure != nil {
		awscdk.Annotations_Of(made).AddError(jsii.String(built.failure.Error()))
	}
	return made
}

// networkInterfaces is what Lambda does with the role of a function in a VPC, on resources
// that are not known beforehand ("Giving Lambda functions access to resources in an Amazon
// VPC").
var networkInterfaces = []string{
	"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface",
	"ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
}

// securityGroups is nil for none, which lets the CDK make one.
func securityGroups(groups []awsec2.ISecurityGroup) *[]awsec2.ISecurityGroup {
	if len(groups) == 0 {
		return nil
	}
	return &groups
}

// environment is the value of contract.EnvClocks.
func (c *Clocks) environment() string {
	out, err := json.Marshal(c)
	if err != nil {
		panic(err) // a struct of numbers
	}
	return string(out)
}
