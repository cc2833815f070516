package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/pay-theory/streamer/internal/outputs"
	"github.com/pay-theory/streamer/internal/place"
)

// region is one in which the local stage has nothing, and which is not bootstrapped.
const region = "eu-central-1"

// checkout is a directory as this program expects it: the CDK CLI, and an app, the one of
// testdata/app. edit changes its template.
func checkout(t *testing.T) (edit func(old, replacement string)) {
	t.Helper()
	modules, err := filepath.Abs("../../node_modules")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "app"), os.DirFS("testdata/app")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cdk.json"), []byte(`{"app":"sh app/synth.sh"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	return func(old, replacement string) {
		t.Helper()
		const file = "app/template.json"
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte(old)) {
			t.Fatalf("the template has no %s", old)
		}
		if err := os.WriteFile(file, bytes.Replace(text, []byte(old), []byte(replacement), 1), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// deploy runs the program with these answers, and returns what it said.
func deploy(t *testing.T, answers string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), args, terminal{strings.NewReader(answers), &out})
	t.Logf("deploy %s: %v\n%s", strings.Join(args, " "), err, &out)
	return out.String(), err
}

func wantSaid(t *testing.T, said string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q", want)
		}
	}
}

func wantError(t *testing.T, err error, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// A stage comes, changes, fails to change and goes, with the real CDK.
func TestStageFromNothingToNothing(t *testing.T) {
	if os.Getenv("AWS_ENDPOINT_URL") == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no local stage: AWS_ENDPOINT_URL is not set")
		}
		t.Skip("needs a local stage: AWS_ENDPOINT_URL is not set")
	}
	t.Setenv("AWS_REGION", region)
	t.Setenv("AWS_DEFAULT_REGION", region)
	at, err := place.Locate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stacks, buckets := cloudformation.NewFromConfig(at.Config), bucketsOf(at)
	edit := checkout(t)

	said, err := deploy(t, "", "up", "dev")
	wantError(t, err, "nobody answers")
	wantSaid(t, said, "Streamer-dev: new", "tokens      NONE: every connection is refused", "alarms      1, which tell NOBODY", "needs 6: cdk bootstrap makes CDKToolkit", "Bootstrap it? [y]")
	if version, err := bootstrapped(t.Context(), stacks); err != nil || version != 0 {
		t.Fatalf("bootstrap version %d, %v: it was not to be made", version, err)
	}

	t.Cleanup(func() { forget(t, at) })
	said, err = deploy(t, "", "up", "-yes", "dev")
	if err != nil {
		t.Fatal(err)
	}
	wantSaid(t, said, "clients     wss://example.com/v1", "make integ OUTPUTS=.deploy/dev.json", "make destroy STAGE=dev")
	stack, err := outputs.Read(".deploy/dev.json")
	if err != nil || stack.Name != "Streamer-dev" {
		t.Fatalf("outputs: %+v, %v", stack, err)
	}
	// Two changes, of which the second cannot be made, leave the version before them.
	edit(`"VisibilityTimeout": 30`, `"VisibilityTimeout": 31`)
	edit(`"Files": {`, `"Broken": { "Type": "AWS::Logs::LogStream", "Properties": { "LogGroupName": "/nowhere" }, "DependsOn": "Work" }, "Files": {`)
	_, err = deploy(t, "", "up", "-yes", "dev")
	wantError(t, err, "Streamer-dev: the version before it runs")
	queue := stack.Values["WorkQueueUrl"]
	attributes, err := sqs.NewFromConfig(at.Config).GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &queue, AttributeNames: []sqstypes.QueueAttributeName{"VisibilityTimeout"}})
	if err != nil || attributes.Attributes["VisibilityTimeout"] != "30" {
		t.Errorf("the queue is %v, %v", attributes, err)
	}

	if err := os.Remove(".deploy/dev.json"); err != nil {
		t.Fatal(err)
	}
	if said, err = deploy(t, "", "outputs", "dev"); err != nil || said != ".deploy/dev.json\n" {
		t.Errorf("outputs: %v", err)
	}
	if again, err := outputs.Read(".deploy/dev.json"); err != nil || again.Values["WorkQueueUrl"] != queue {
		t.Errorf("outputs: %+v, %v", again, err)
	}

	protect := func(on bool) {
		if _, err := stacks.UpdateTerminationProtection(t.Context(), &cloudformation.UpdateTerminationProtectionInput{StackName: aws.String("Streamer-dev"), EnableTerminationProtection: &on}); err != nil {
			t.Fatal(err)
		}
	}
	protect(true)
	_, err = deploy(t, "dev\n", "down", "dev")
	wantError(t, err, "is protected from termination", "--no-enable-termination-protection --stack-name Streamer-dev")
	protect(false)

	bucket := stack.Values["FilesBucketName"]
	if _, err := buckets.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("a"), Body: strings.NewReader("a")}); err != nil {
		t.Fatal(err)
	}
	_, err = deploy(t, "dev\n", "down", "dev")
	wantError(t, err, "aws s3 rm --recursive s3://"+bucket)
	if _, err := buckets.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: aws.String("a")}); err != nil {
		t.Errorf("the object is gone: %v", err)
	}

	said, err = deploy(t, "prod\n", "down", "dev")
	wantError(t, err, "nothing was done")
	wantSaid(t, said, "stays       table "+stack.Values["RequestsTableName"], "goes        bucket "+bucket+", empty", "stays       log ")
	if said, err = deploy(t, "dev\n", "down", "dev"); err != nil {
		t.Fatal(err)
	}
	wantSaid(t, said, "removed Streamer-dev", "stays       table "+stack.Values["RequestsTableName"]+", and costs")
	if said, err = deploy(t, "", "down", "dev"); err != nil || !strings.Contains(said, "there is no stack Streamer-dev") {
		t.Errorf("down again: %v", err)
	}
	_, err = deploy(t, "", "outputs", "dev")
	wantError(t, err, "there is no stack Streamer-dev")
}

func bucketsOf(at place.Place) *s3.Client {
	return s3.NewFromConfig(at.Config, func(o *s3.Options) { o.UsePathStyle = true })
}

// forget removes what bootstrapping made, the stage if it is still there, and tables that it
// kept: the emulator makes one anew when it takes an update back.
func forget(t *testing.T, at place.Place) {
	ctx := context.WithoutCancel(t.Context())
	stacks, buckets := cloudformation.NewFromConfig(at.Config), bucketsOf(at)
	for _, name := range []string{"Streamer-dev", toolkit} {
		if _, err := stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &name}); err != nil {
			t.Error(err)
		}
	}
	tables := dynamodb.NewFromConfig(at.Config)
	kept, err := tables.ListTables(ctx, &dynamodb.ListTablesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range kept.TableNames { // of a region in which there are no others
		if _, err := tables.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &table}); err != nil {
			t.Error(err)
		}
	}
	logs := cloudwatchlogs.NewFromConfig(at.Config)
	groups, err := logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range groups.LogGroups {
		if _, err := logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: group.LogGroupName}); err != nil {
			t.Error(err)
		}
	}
	bucket := "cdk-hnb659fds-assets-" + at.Account + "-" + region // which the stack keeps
	objects, err := buckets.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects.Versions {
		if _, err := buckets.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: object.Key, VersionId: object.VersionId}); err != nil {
			t.Error(err)
		}
	}
	if _, err := buckets.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket}); err != nil {
		t.Error(err)
	}
}
