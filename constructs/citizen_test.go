package constructs_test

import (
	"reflect"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	streamer "github.com/pay-theory/streamer/constructs"
)

// everything is a Streamer with all that it can have.
func everything(stack awscdk.Stack) *streamer.StreamerConstruct {
	return streamer.NewStreamer(stack, "Streamer", &streamer.StreamerProps{
		Auth:    auth(),
		Workers: reports(),
		Domain: &streamer.DomainProps{
			Name: "stream.example.com", Zone: zone(stack),
			Certificate: awscertificatemanager.Certificate_FromCertificateArn(stack, jsii.String("Certificate"), jsii.String(certificateARN)),
		},
		EncryptionKey: awskms.NewKey(stack, jsii.String("Key"), &awskms.KeyProps{EnableKeyRotation: jsii.Bool(true)}),
		VPC:           awsec2.NewVpc(stack, jsii.String("Network"), nil), VPCEndpoints: true,
	})
}

// resources are those of CloudFormation in a part of the tree.
func resources(scope constructs.IConstruct) []awscdk.CfnResource {
	var all []awscdk.CfnResource
	for _, construct := range *scope.Node().FindAll(constructs.ConstructOrder_PREORDER) {
		if *awscdk.CfnResource_IsCfnResource(construct) {
			all = append(all, construct.(awscdk.CfnResource))
		}
	}
	return all
}

// TestTagsReachAll: every resource that can have a tag has one that is given to the construct.
func TestTagsReachAll(t *testing.T) {
	stack := inIreland(newApp(t, nil))
	s := everything(stack)
	awscdk.Tags_Of(s).Add(jsii.String("team"), jsii.String("reports"), nil)
	tpl := templateOf(t, stack)
	taggable := 0
	for _, resource := range resources(s) {
		if awscdk.TagManager_Of(resource) == nil {
			continue
		}
		taggable++
		made := tpl.Resources[name(stack.Resolve(resource.LogicalId()).(string))]
		if !hasTag(made.Properties, "team", "reports") {
			t.Errorf("%s has no tag: %s", *resource.Node().Path(), jsonOf(t, made.Properties))
		}
	}
	if taggable < 30 {
		t.Errorf("only %d resources can have tags", taggable)
	}
}

// hasTag looks for a tag in the forms that CloudFormation has for them.
func hasTag(properties any, key, value string) bool {
	if at(properties, "Tags."+key) == value {
		return true
	}
	for _, path := range []string{"Tags", "Replicas.0.Tags"} {
		tags, _ := at(properties, path).([]any)
		for _, tag := range tags {
			if at(tag, "Key") == key && at(tag, "Value") == value {
				return true
			}
		}
	}
	return false
}

// visitor is an aspect.
type visitor struct{ visited map[string]bool }

func (v *visitor) Visit(node constructs.IConstruct) { v.visited[*node.Node().Path()] = true }

func TestAspectsVisitAll(t *testing.T) {
	stack := inIreland(newApp(t, nil))
	s := everything(stack)
	v := &visitor{visited: map[string]bool{}}
	awscdk.Aspects_Of(s).Add(v, nil)
	templateOf(t, stack)
	for _, construct := range *s.Node().FindAll(constructs.ConstructOrder_PREORDER) {
		if !v.visited[*construct.Node().Path()] {
			t.Errorf("%s was not visited", *construct.Node().Path())
		}
	}
}

// TestEverythingIsExposed: each resource is one that a field holds, or a part of it, or the
// role or log group of a function.
func TestEverythingIsExposed(t *testing.T) {
	stack := inIreland(newApp(t, nil))
	s := everything(stack)
	exposed := map[string]bool{}
	expose(reflect.ValueOf(*s), exposed)
	for _, resource := range resources(s) {
		if path := *resource.Node().Path(); !exposed[path] {
			t.Errorf("no field leads to %s, a %s", path, *resource.CfnResourceType())
		}
	}
}

// expose notes what the exported fields of a struct lead to.
func expose(value reflect.Value, exposed map[string]bool) {
	switch value.Kind() {
	case reflect.Pointer:
		if !value.IsNil() {
			expose(value.Elem(), exposed)
		}
	case reflect.Map:
		for _, key := range value.MapKeys() {
			expose(value.MapIndex(key), exposed)
		}
	case reflect.Struct:
		for i := range value.NumField() {
			if field := value.Type().Field(i); field.IsExported() && !field.Anonymous {
				expose(value.Field(i), exposed)
			}
		}
	case reflect.Interface:
		construct, is := value.Interface().(constructs.IConstruct)
		if !is {
			return
		}
		within := []constructs.IConstruct{construct}
		if function, is := construct.(awslambda.Function); is {
			within = append(within, function.Role(), function.LogGroup())
		}
		for _, part := range within {
			for _, resource := range resources(part) {
				exposed[*resource.Node().Path()] = true
			}
		}
	}
}
