package release

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// parameters are the template's.
type parameters struct {
	artifactPrefix, routerPackage, processorPackage awscdk.CfnParameter

	issuer, audience, jwksURL, subjectClaim, tenantClaim awscdk.CfnParameter

	stageName, maxConcurrency, processorMemory, throttleRate, throttleBurst awscdk.CfnParameter

	logRetention, auditRetention, fileRetention, alarmTopic, meteredTenants awscdk.CfnParameter

	webOrigins, key, boundary, subnets, securityGroups awscdk.CfnParameter

	artifacts awss3.IBucket

	hasAlarmTopic, hasAudit, hasMeteredTenants, hasWebOrigins, hasKey, hasBoundary, inNetwork awscdk.CfnCondition
}

// Patterns of what goes into JSON, and so must not end a string there.
const (
	plain         = `^[^"\\\s]+$`
	httpsOrEmpty  = `^(https://[^"\\\s]+)?$`
	topicOrEmpty  = `^(arn:[^:]+:sns:.+)?$`
	prefix        = `^([^/]+(/[^/]+)*/)?$`
	originOrEmpty = `^(https?://[^"\\\s/]+)?$`
	keyOrEmpty    = `^(arn:[^:]+:kms:.+:key/.+)?$`
	policyOrEmpty = `^(arn:[^:]+:iam:.+:policy/.+)?$`
	wordOrEmpty   = `^[A-Za-z0-9._@:-]{0,64}$`
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
	// list may be empty: then it has one empty member.
	list := func(name, description, pattern string) awscdk.CfnParameter {
		return add(name, description, awscdk.CfnParameterProps{Type: jsii.String("CommaDelimitedList"), AllowedPattern: jsii.String(pattern), Default: ""})
	}
	given := func(name string, value *string) awscdk.CfnCondition {
		return awscdk.NewCfnCondition(stack, jsii.String(name), &awscdk.CfnConditionProps{
			Expression: awscdk.Fn_ConditionNot(awscdk.Fn_ConditionEquals(value, jsii.String(""))),
		})
	}
	anyOf := func(list awscdk.CfnParameter) *string { return awscdk.Fn_Join(jsii.String(""), list.ValueAsList()) }
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
	p.webOrigins = list("WebOrigins", "The origins of your pages, such as https://app.example.com: from a browser only they connect, and fetch and send files; empty: any page may connect, and none fetch a file", originOrEmpty)
	p.hasWebOrigins = given("HasWebOrigins", anyOf(p.webOrigins))
	group("Who may connect")

	p.stageName = text("StageName", "The last part of the WebSocket URL", stagePattern, "v1")
	p.maxConcurrency = number("MaxConcurrency", "How many requests are worked on at once", contract.DefaultMaxConcurrency, 2, 1000)
	p.processorMemory = number("ProcessorMemory", "Memory of the processor, in MB; processor power grows with it", 1024, 128, 10240)
	p.throttleRate = number("ThrottleRate", "How many messages a second of all clients together are let in", contract.DefaultMessagesPerSecond, 1, 1e6)
	p.throttleBurst = number("ThrottleBurst", "How many may come at once", contract.DefaultMessageBurst, 1, 1e6)
	group("Work")

	p.logRetention = add("LogRetentionDays", "For how long logs are kept", awscdk.CfnParameterProps{
		Type: jsii.String("Number"), Default: "30", AllowedValues: jsii.Strings(strings.Fields(retentions)...),
	})
	p.auditRetention = add("AuditRetentionDays", "For how long the logs are kept that also hold who submitted, cancelled and fetched what; 0: nobody writes that down. They go with the stack", awscdk.CfnParameterProps{
		Type: jsii.String("Number"), Default: "0", AllowedValues: jsii.Strings(append([]string{"0"}, strings.Fields(retentions)...)...),
	})
	p.hasAudit = awscdk.NewCfnCondition(stack, jsii.String("HasAudit"), &awscdk.CfnConditionProps{
		Expression: awscdk.Fn_ConditionNot(awscdk.Fn_ConditionEquals(p.auditRetention.ValueAsString(), jsii.String("0"))),
	})
	p.fileRetention = number("FileRetentionDays", "For how long results, reports and large payloads are kept", 30, 1, 36500)
	p.alarmTopic = text("AlarmTopic", "The ARN of an SNS topic that is told about alarms; empty: nobody is", topicOrEmpty, "")
	p.hasAlarmTopic = given("HasAlarmTopic", p.alarmTopic.ValueAsString())
	p.meteredTenants = list("MeteredTenants", "Tenants whose requests are also measured by themselves, at most 50; each costs", wordOrEmpty)
	p.hasMeteredTenants = given("HasMeteredTenants", anyOf(p.meteredTenants))
	group("Operation")

	p.key = text("KeyArn", "The ARN of a key of yours for tables, queues, bucket, logs and variables, whose policy lets CloudWatch Logs use it; empty: keys that AWS owns", keyOrEmpty, "")
	p.hasKey = given("HasKey", p.key.ValueAsString())
	p.boundary = text("PermissionsBoundary", "The ARN of a managed policy that bounds what the functions' roles may do; empty: none", policyOrEmpty, "")
	p.hasBoundary = given("HasPermissionsBoundary", p.boundary.ValueAsString())
	p.subnets = list("SubnetIds", "The subnets of the functions, with a way to the internet such as a NAT gateway; empty: they are in no network of yours", wordOrEmpty)
	p.inNetwork = given("InNetwork", anyOf(p.subnets))
	p.securityGroups = list("SecurityGroupIds", "Their security groups, which must be given with SubnetIds, and let them out", wordOrEmpty)
	group("Keys, roles and network")

	stack.TemplateOptions().SetMetadata(&map[string]any{"AWS::CloudFormation::Interface": map[string]any{"ParameterGroups": groups}})
	return p
}
