package constructs

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// FunctionProps is a function that users may replace by their own, or make larger. What it
// has no field for is set on the function that was made, as ExampleStreamerConstruct shows.
type FunctionProps struct {
	// ImportPath is a package main that the app's module can build, such as
	// "example.com/app/cmd/processor". Default: Streamer's own, with the sample
	// actions.
	ImportPath string
	// Code is a ready-made deployment package with an executable named bootstrap, in
	// place of ImportPath. It must be built for Linux on StreamerProps.Architecture.
	Code awslambda.Code
	// MemoryMB is 128 to 10,240 ("Lambda quotas"); processor power grows with it.
	MemoryMB int
	// TimeoutSeconds is how long one run may take: 1 to 29 for router and authorizer, 1 to
	// 300 for the reconciler, which runs that often, and 1 to 900 for the others.
	TimeoutSeconds int
	// Environment is added to the function's variables, of which Lambda takes 4 KB in
	// all. Names that begin with STREAMER_ are Streamer's.
	Environment map[string]string
	// Layers are laid under the code, such as an extension that sends telemetry on: at most
	// 5 ("Lambda quotas"), for StreamerProps.Architecture.
	Layers []awslambda.ILayerVersion
	// Tracing is what the function tells AWS X-Ray: ACTIVE, PASS_THROUGH if the caller
	// traces, or DISABLED. Default ACTIVE.
	Tracing awslambda.Tracing

	// VPC puts the function into a network, for a database or a service there. Router and
	// processors post frames from there to the WebSocket API, and the reconciler closes
	// connections there, for which they need a way to the internet, such as a NAT gateway: no
	// VPC endpoint leads to such an API, and one for execute-api with private DNS stands in the
	// way, so that posts are answered with 403 ("Why do I get an HTTP 403 Forbidden error when
	// connecting to my API Gateway APIs from a VPC?"). Default: the network of StreamerProps.VPC.
	VPC awsec2.IVpc
	// Subnets are those of the VPC to use. Default its private ones.
	Subnets *awsec2.SubnetSelection
	// SecurityGroups are the function's. Default a new one that lets everything out.
	SecurityGroups []awsec2.ISecurityGroup
}

// GoFunctionProps is a function in Go of one's own.
type GoFunctionProps struct {
	// FunctionProps says what it is. ImportPath or Code is required; the defaults are 256 MB
	// and 30 s.
	FunctionProps
	// Description is shown in the console of Lambda. Default none.
	Description string
	// Architecture, LogRetention and EncryptionKey are as those of StreamerProps.
	Architecture  awslambda.Architecture
	LogRetention  awslogs.RetentionDays
	EncryptionKey awskms.IKey
}

// NewGoFunction makes a function of your own as Streamer's are made: built when the app is
// synthesized, with a role that may write its log and nothing else, and a log group that is
// kept for a month. It may be AuthProps.Authorizer, or a service that is granted something.
// It panics if a prop is bad, as NewStreamer.
func NewGoFunction(scope constructs.Construct, id string, props *GoFunctionProps) awslambda.Function {
	made := constructs.NewConstruct(scope, jsii.String(id))
	local, err := readLocalStage(made)
	check(made, err)
	p := copyOf(props)
	setDefault(&p.Architecture, awslambda.Architecture_ARM_64())
	setDefault(&p.LogRetention, awslogs.RetentionDays_ONE_MONTH)
	p.FunctionProps = p.FunctionProps.withDefaults("", 256, 30)
	if p.ImportPath == "" && p.Code == nil {
		check(made, errors.New("FunctionProps.ImportPath is empty: give a package main that the app's module can build, or Code"))
	}
	check(made, errors.Join(p.FunctionProps.validate("FunctionProps", maxProcessorSeconds), validateArchitecture(p.Architecture), validateRetention("LogRetention", p.LogRetention)))
	letLogsUse(made, p.EncryptionKey)
	return fillFunction(made, common{
		architecture: local.architecture(p.Architecture), logs: logs{p.LogRetention, awscdk.RemovalPolicy_DESTROY}, key: p.EncryptionKey, local: local,
	}, function{description: p.Description, props: p.FunctionProps})
}

func (p FunctionProps) withDefaults(importPath string, memoryMB, timeoutSeconds int) FunctionProps {
	if p.Code == nil {
		setDefault(&p.ImportPath, importPath)
	}
	setDefault(&p.MemoryMB, memoryMB)
	setDefault(&p.TimeoutSeconds, timeoutSeconds)
	setDefault(&p.Tracing, awslambda.Tracing_ACTIVE)
	return p
}

// inNetworkOf puts p into the network of another function, if it has none of its own.
func (p FunctionProps) inNetworkOf(other FunctionProps) FunctionProps {
	if p.VPC == nil && p.Subnets == nil && p.SecurityGroups == nil {
		p.VPC, p.Subnets, p.SecurityGroups = other.VPC, other.Subnets, other.SecurityGroups
	}
	return p
}

func (p FunctionProps) isZero() bool { return reflect.ValueOf(p).IsZero() }

func (p FunctionProps) validate(field string, maxSeconds int) error {
	if p.Code != nil && p.ImportPath != "" {
		return fmt.Errorf("%s has both ImportPath and Code: give one of them", field)
	}
	if p.MemoryMB < minMemoryMB || p.MemoryMB > maxMemoryMB {
		return fmt.Errorf("%s.MemoryMB is %d: AWS takes %d to %d", field, p.MemoryMB, minMemoryMB, maxMemoryMB)
	}
	if p.TimeoutSeconds < 1 || p.TimeoutSeconds > maxSeconds {
		return fmt.Errorf("%s.TimeoutSeconds is %d: AWS takes 1 to %d here", field, p.TimeoutSeconds, maxSeconds)
	}
	if len(p.Layers) > maxLayers {
		return fmt.Errorf("%s.Layers has %d: Lambda takes %d", field, len(p.Layers), maxLayers)
	}
	switch p.Tracing {
	case awslambda.Tracing_ACTIVE, awslambda.Tracing_PASS_THROUGH, awslambda.Tracing_DISABLED:
	default:
		return fmt.Errorf("%s.Tracing is %s: give ACTIVE, PASS_THROUGH or DISABLED", field, p.Tracing)
	}
	if p.VPC == nil && (p.Subnets != nil || len(p.SecurityGroups) > 0) {
		return fmt.Errorf("%s has Subnets or SecurityGroups without a VPC: give it too", field)
	}
	if p.VPC != nil && *p.VPC.SelectSubnets(p.Subnets).HasPublic {
		return fmt.Errorf("%s is in public subnets, from which a function has no way to the internet: give private ones in Subnets", field)
	}
	size := 0
	for name, value := range p.Environment {
		if strings.HasPrefix(name, "STREAMER_") || name == contract.EnvCallbackEndpoint {
			return fmt.Errorf("%s.Environment sets %s, which is Streamer's: choose another name", field, name)
		}
		size += len(name) + len(value)
	}
	if size > maxEnvironmentBytes {
		return fmt.Errorf("%s.Environment holds %d bytes: Lambda takes %d in all, put large values in S3 or Parameter Store", field, size, maxEnvironmentBytes)
	}
	return nil
}

// validateVariables tells of too many together. What only CloudFormation knows counts as little.
func validateVariables(all map[string]*string) error {
	size := 0
	for name, value := range all {
		size += len(name) + len(*value)
	}
	if size > maxEnvironmentBytes {
		return fmt.Errorf("its variables hold %d bytes, with those of Streamer's own: Lambda takes %d in all; make Environment smaller, or MeteredTenants or Workers, which are in them", size, maxEnvironmentBytes)
	}
	return nil
}

func validateArchitecture(a awslambda.Architecture) error {
	if name := *a.Name(); name != "arm64" && name != "x86_64" {
		return fmt.Errorf("Architecture is %s: give awslambda.Architecture_ARM_64() or _X86_64()", name)
	}
	return nil
}

// common is what all functions of a Streamer have alike.
type common struct {
	architecture awslambda.Architecture
	logs         logs          // of functions
	auditLogs    logs          // of those with audit records in them
	key          awskms.IKey   // of variables and logs
	keys         []awskms.IKey // of what is kept
	local        *localStage
}

// function is what one function has of its own.
type function struct {
	description string
	props       FunctionProps
	environment map[string]*string
	permissions []permission
	usesKeys    bool // touches what is kept
	audited     bool // writes audit records
}

// newFunction makes a function with a role and a log group of its own, all in a scope that
// is called name.
func newFunction(parent constructs.Construct, name string, all common, f function) awslambda.Function {
	return fillFunction(constructs.NewConstruct(parent, jsii.String(name)), all, f)
}

func fillFunction(scope constructs.Construct, all common, f function) awslambda.Function {
	keep := all.logs
	if f.audited {
		keep = all.auditLogs
	}
	logs := awslogs.NewLogGroup(scope, jsii.String("Logs"), &awslogs.LogGroupProps{
		Retention:     keep.retention,
		RemovalPolicy: keep.removal,
		EncryptionKey: all.key,
	})
	role := awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
	})
	things := map[contract.Thing][]*string{contract.OnOwnLog: {logs.LogGroupArn()}, contract.OnAnything: {jsii.String("*")}}
	permissions := append(f.permissions, allowed(contract.EachMay, things)...)
	if f.props.VPC != nil {
		permissions = append(permissions, allowed(contract.InVPCMay, things)...)
	}
	for _, permission := range permissions {
		role.AddToPolicy(permission.statement())
	}
	if f.usesKeys {
		for _, key := range all.keys {
			key.GrantEncryptDecrypt(role)
		}
	} else if all.key != nil {
		all.key.GrantDecrypt(role) // its own variables
	}

	environment := map[string]*string{}
	maps.Copy(environment, f.environment)
	for key, value := range f.props.Environment {
		environment[key] = jsii.String(value)
	}
	check(scope, validateVariables(environment))
	built := &binary{importPath: f.props.ImportPath, goos: all.local.goos(), goarch: goarch(all.architecture)}
	code := f.props.Code
	if code == nil {
		code = built.code()
	}
	props := &awslambda.FunctionProps{
		Code:         code,
		Runtime:      awslambda.Runtime_PROVIDED_AL2023(),
		Handler:      jsii.String("bootstrap"),
		Architecture: all.architecture,
		MemorySize:   jsii.Number(f.props.MemoryMB),
		Timeout:      awscdk.Duration_Seconds(jsii.Number(f.props.TimeoutSeconds)),
		Environment:  &environment, EnvironmentEncryption: all.key,
		Layers:   &f.props.Layers,
		Role:     role,
		LogGroup: logs,
		Tracing:  f.props.Tracing, // adds the two X-Ray writes to the role, unless DISABLED
		Vpc:      f.props.VPC, VpcSubnets: f.props.Subnets, SecurityGroups: securityGroups(f.props.SecurityGroups),
	}
	if f.description != "" {
		props.Description = jsii.String(f.description)
	}
	made := awslambda.NewFunction(scope, jsii.String("Function"), props)
	suppressWildcards(role.Node().FindChild(jsii.String("DefaultPolicy")), permissions, f.usesKeys)
	if built.failure != nil {
		awscdk.Annotations_Of(made).AddError(jsii.String(built.failure.Error()))
	}
	return made
}

// NetworkInterfaceActions are what Lambda does with the role of a function in a VPC, on resources
// that are not known beforehand ("Giving Lambda functions access to resources in an Amazon
// VPC").
var NetworkInterfaceActions = contract.InVPCMay[0].Actions

// securityGroups is nil for none, which lets the CDK make one.
func securityGroups(groups []awsec2.ISecurityGroup) *[]awsec2.ISecurityGroup {
	if len(groups) == 0 {
		return nil
	}
	return &groups
}
