package release

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"
)

// parameters are the template's.
type parameters struct {
	artifactPrefix, routerPackage, processorPackage awscdk.CfnParameter

	issuer, audience, jwksURL, subjectClaim, tenantClaim awscdk.CfnParameter

	stageName, maxConcurrency, processorMemory awscdk.CfnParameter

	logRetention, fileRetention, alarmTopic awscdk.CfnParameter

	artifacts     awss3.IBucket
	hasAlarmTopic awscdk.CfnCondition
}

// Patterns of what goes into JSON, and so must not end a string there.
const (
	plain         = `^[^"\\\s]+$`
	httpsOrEmpty  = `^(https://[^"\\\s]+)?$`
	topicOrEmpty  = `^(arn:[^:]+:sns:.+)?$`
	prefix        = `^([^/]+(/[^/]+)*/)?$`
	packagePath   = `^[^/].*\.zip$`
	stagePattern  = `^[A-Za-z0-9_-]{1,128}$`
	bucketPattern = `^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`
)

// retentions are the days for which CloudWatch keeps logs ("PutRetentionPolicy").
const retentions = "1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653"

func addParameters(stack awscdk.Stack) *parameters {
	var names []any
	add := func(name, description string, props awscdk.CfnParameterProps) awscdk.CfnParameter {
		names = append(names, name)
		props.Description = jsii.String(description)
		return awscdk.NewCfnParameter(stack, jsii.String(name), &props)
	}
	text := func(name, description, pattern string, standard ...any) awscdk.CfnParameter {
		props := awscdk.CfnParameterProps{Type: jsii.String("String"), AllowedPattern: jsii.String(pattern)}
		if len(standard) > 0 {
			props.Default = standard[0]
		}
		return add(name, description, props)
	}
	number := func(name, description string, standard, least, most float64) awscdk.CfnParameter {
		return add(name, description, awscdk.CfnParameterProps{Type: jsii.String("Number"), Default: standard, MinValue: &least, MaxValue: &most})
	}
	var groups []any
	group := func(label string) {
		groups = append(groups, map[string]any{"Label": map[string]any{"default": label}, "Parameters": names})
		names = nil
	}
	p := &parameters{}

	bucket := text("ArtifactBucket", "The bucket that holds the functions' packages, in the stack's region", bucketPattern)
	p.artifacts = awss3.Bucket_FromBucketName(stack, jsii.String("Artifacts"), bucket.ValueAsString())
	p.artifactPrefix = text("ArtifactPrefix", "What stands before functions/ in their keys, with a slash at its end; a new one for each version", prefix, "")
	p.routerPackage = text("RouterPackage", "The router's package below the prefix; one of yours has your sync actions", packagePath, function("router").zip())
	p.processorPackage = text("ProcessorPackage", "The processor's package below the prefix; one of yours has your async actions", packagePath, function("processor").zip())
	group("Packages")

	p.issuer = text("Issuer", "The iss of the tokens that open a connection, to the letter", plain)
	p.audience = add("Audience", "The aud, or client_id, of those tokens; several with commas between them", awscdk.CfnParameterProps{
		Type: jsii.String("CommaDelimitedList"), AllowedPattern: jsii.String(plain),
	})
	p.jwksURL = text("JwksUrl", "Where the issuer publishes its keys, an https URL; empty: what its discovery document says", httpsOrEmpty, "")
	p.subjectClaim = text("SubjectClaim", "The claim that holds the user; one within others as a JSON Pointer, /app/user", plain, "sub")
	p.tenantClaim = text("TenantClaim", "The claim that holds the tenant, in the same way", plain, "tenant")
	group("Who may connect")

	p.stageName = text("StageName", "The last part of the WebSocket URL", stagePattern, "v1")
	p.maxConcurrency = number("MaxConcurrency", "How many requests are worked on at once", 100, 2, 1000)
	p.processorMemory = number("ProcessorMemory", "Memory of the processor, in MB; processor power grows with it", 1024, 128, 10240)
	group("Work")

	p.logRetention = add("LogRetentionDays", "For how long logs are kept", awscdk.CfnParameterProps{
		Type: jsii.String("Number"), Default: "30", AllowedValues: jsii.Strings(strings.Fields(retentions)...),
	})
	p.fileRetention = number("FileRetentionDays", "For how long results, reports and large payloads are kept", 30, 1, 36500)
	p.alarmTopic = text("AlarmTopic", "The ARN of an SNS topic that is told about alarms; empty: nobody is", topicOrEmpty, "")
	p.hasAlarmTopic = awscdk.NewCfnCondition(stack, jsii.String("HasAlarmTopic"), &awscdk.CfnConditionProps{
		Expression: awscdk.Fn_ConditionNot(awscdk.Fn_ConditionEquals(p.alarmTopic.ValueAsString(), jsii.String(""))),
	})
	group("Operation")

	stack.TemplateOptions().SetMetadata(&map[string]any{"AWS::CloudFormation::Interface": map[string]any{"ParameterGroups": groups}})
	return p
}
