package constructs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/client"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/infra/release"
	"github.com/pay-theory/streamer/internal/logs"
)

// TestRelease makes a release, for this machine so that it runs on the local stage.
func TestRelease(t *testing.T) {
	o := release.Options{Root: "..", Version: "v1.2.3", Architecture: awslambda.Architecture_ARM_64()}
	if runtime.GOARCH == "amd64" {
		o.Architecture = awslambda.Architecture_X86_64()
	}
	dir := t.TempDir()
	if err := release.Make(dir, o); err != nil {
		t.Fatal(err)
	}
	files := filesOf(t, dir)
	t.Run("says what it is", func(t *testing.T) { checkRelease(t, dir, files) })
	t.Run("is the same from another checkout", func(t *testing.T) {
		o.Root = checkout(t)
		other := t.TempDir()
		if err := release.Make(other, o); err != nil {
			t.Fatal(err)
		}
		if again := filesOf(t, other); !maps.EqualFunc(files, again, bytes.Equal) {
			for name := range files {
				if !bytes.Equal(files[name], again[name]) {
					t.Errorf("%s is another: %d bytes and %d", name, len(files[name]), len(again[name]))
				}
			}
			t.Error(slices.Sorted(maps.Keys(files)), slices.Sorted(maps.Keys(again)))
		}
	})
	t.Run("runs", func(t *testing.T) { runRelease(t, files) })
}

// filesOf are the files below dir, by their slash-separated names.
func filesOf(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[name], err = os.ReadFile(filepath.Join(dir, name))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// checkout is a copy elsewhere of all that a release is built from.
func checkout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, folder := range []string{"functions", "internal", "protocol"} {
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join("..", folder))); err != nil {
			t.Fatal(err)
		}
	}
	sources, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(sources, "../go.mod", "../go.sum", "../cdk.json") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// checkRelease looks at what a release says of itself.
func checkRelease(t *testing.T, dir string, files map[string][]byte) {
	check := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
	check.Dir = dir
	if out, err := check.CombinedOutput(); err != nil || bytes.Count(out, []byte(": OK")) != len(files)-1 {
		t.Errorf("the checksums: %v\n%s", err, out)
	}
	var template template
	if err := json.Unmarshal(files[release.TemplateFile], &template); err != nil {
		t.Fatal(err)
	}
	for name := range template.Parameters {
		if !bytes.Contains(files["README.md"], []byte("| `"+name+"` |")) {
			t.Errorf("README.md does not tell of the parameter %s", name)
		}
	}
	if text := string(files[release.TemplateFile]); strings.Contains(text, "BootstrapVersion") || strings.Contains(text, "cdk-hnb659fds") {
		t.Error("the template needs an account that is bootstrapped for the CDK")
	}
	var bom cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(files["sbom.cdx.json"]), cyclonedx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, c := range *bom.Components {
		if listed[c.BOMRef] {
			t.Errorf("%s is listed twice", c.BOMRef)
		}
		listed[c.BOMRef] = true
		if c.Type == cyclonedx.ComponentTypeApplication && files[c.Name] == nil {
			t.Errorf("%s is listed and not there", c.Name)
		}
		if c.Type == cyclonedx.ComponentTypeLibrary && (c.Licenses == nil || len(*c.Licenses) == 0 || (*c.Licenses)[0].License.ID == "") {
			t.Errorf("%s is listed without its licence", c.Name)
		}
	}
	for _, d := range *bom.Dependencies {
		for _, ref := range *d.Dependencies {
			if !listed[ref] {
				t.Errorf("%s is made of %s, which is not listed", d.Ref, ref)
			}
		}
	}
	for name := range files {
		if path.Dir(name) == "functions" && !listed[name] {
			t.Errorf("%s is there and not listed", name)
		}
	}
	if want := "pkg:golang/std@" + strings.TrimPrefix(runtime.Version(), "go"); !listed[want] || len(listed) < 20 {
		t.Errorf("%d components are listed, without %s", len(listed), want)
	}
}

// runRelease deploys a release by CloudFormation alone, with parameters that add something,
// and sends a request from an allowed page and none from another.
func runRelease(t *testing.T, files map[string][]byte) {
	endpoint := os.Getenv("AWS_ENDPOINT_URL")
	if endpoint == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("no stage is up")
		}
		t.Skip("needs a stage: AWS_ENDPOINT_URL is not set")
	}
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux, for which the packages are built")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		t.Fatal(err)
	}
	const bucket, prefix = "release-artifacts", "streamer/v1.2.3/"
	files = maps.Clone(files)
	files[release.TemplateFile] = forLocalStage(t, files[release.TemplateFile], endpoint)
	upload(t, s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }), bucket, prefix, files)
	// A template of its size is taken from a bucket only.
	parameters := map[string]string{
		"ArtifactBucket": bucket, "ArtifactPrefix": prefix, "StageName": "live",
		"Issuer": "https://stage.streamer.local", "Audience": "others,streamer", "JwksUrl": endpoint + "/_front/jwks",
		"WebOrigins": "https://other.example.com,https://app.example.com", "AuditRetentionDays": "7", "MeteredTenants": "acme",
	}
	stacks := cloudformation.NewFromConfig(cfg)
	outputs := create(t, stacks, endpoint+"/"+bucket+"/"+prefix+release.TemplateFile, parameters)

	api, _, _ := strings.Cut(strings.TrimPrefix(outputs["WebSocketUrl"], "wss://"), ".")
	token, err := exec.CommandContext(ctx, "go", "-C", "..", "run", "./scripts/stage", "token", "--tenant", "acme", "--subject", "ann").Output()
	if err != nil {
		t.Fatal(err)
	}
	socket := "ws" + strings.TrimPrefix(endpoint, "http") + "/_aws/execute-api/" + api + "/live"
	look := func(from map[string]bool) {
		for origin, allowed := range from {
			conn, _, err := websocket.Dial(ctx, socket+"?token="+strings.TrimSpace(string(token)), &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
			if (err == nil) != allowed {
				t.Errorf("a page of %s: %v", origin, err)
			}
			if err == nil {
				conn.CloseNow()
			}
		}
	}
	look(map[string]bool{"https://app.example.com": true, "https://evil.example.com": false})
	// Another value of a parameter is another version, though the template is the same.
	parameters["WebOrigins"] = "https://new.example.com"
	redeploy(t, stacks, parameters)
	look(map[string]bool{"https://new.example.com": true, "https://app.example.com": false})
	c, err := client.Dial(ctx, socket, &client.Options{Token: client.StaticToken(strings.TrimSpace(string(token)))})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	run, err := client.Submit(ctx, c, handlers.EchoAsync, handlers.EchoAsyncIn{Message: "released", DurationMS: new(int)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := run.Result(ctx); err != nil || out.Message != "released" {
		t.Errorf("got %+v, %v", out, err)
	}
	groups, err := logs.Groups(ctx, cfg, releasedStack)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		lines, err := logs.Read(ctx, cfg, groups, time.Unix(0, 0), "")
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(lines, func(e logs.Event) bool {
			return strings.Contains(e.Message, `"msg":"audit"`) && strings.Contains(e.Message, run.ID())
		}) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no audit record of %s among %d lines", run.ID(), len(lines))
		}
	}
}

// releasedStack is the stack of the test.
const releasedStack = "Released"

func valuesOf(parameters map[string]string) (all []types.Parameter) {
	for key, value := range parameters {
		all = append(all, types.Parameter{ParameterKey: aws.String(key), ParameterValue: aws.String(value)})
	}
	return all
}

// redeploy deploys the stack with other values of its parameters.
func redeploy(t *testing.T, stacks *cloudformation.Client, parameters map[string]string) {
	t.Helper()
	if _, err := stacks.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{
		StackName: aws.String(releasedStack), UsePreviousTemplate: aws.Bool(true), Capabilities: []types.Capability{types.CapabilityCapabilityIam}, Parameters: valuesOf(parameters),
	}); err != nil {
		t.Fatal(err)
	}
	if err := cloudformation.NewStackUpdateCompleteWaiter(stacks, func(o *cloudformation.StackUpdateCompleteWaiterOptions) { o.MinDelay = 100 * time.Millisecond }).
		Wait(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String(releasedStack)}, time.Minute); err != nil {
		t.Fatal(err)
	}
}

func upload(t *testing.T, objects *s3.Client, bucket, prefix string, files map[string][]byte) {
	t.Helper()
	if _, err := objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for name := range files {
			if _, err := objects.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: aws.String(prefix + name)}); err != nil {
				t.Error(err)
			}
		}
		if _, err := objects.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket}); err != nil {
			t.Error(err)
		}
	})
	for name, content := range files {
		if _, err := objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String(prefix + name), Body: bytes.NewReader(content)}); err != nil {
			t.Fatal(err)
		}
	}
}

// create makes a stack of the template at a URL, which goes when the test ends, and returns
// its outputs.
func create(t *testing.T, stacks *cloudformation.Client, url string, parameters map[string]string) map[string]string {
	t.Helper()
	in := &cloudformation.CreateStackInput{
		StackName: aws.String(releasedStack), TemplateURL: &url, Capabilities: []types.Capability{types.CapabilityCapabilityIam}, Parameters: valuesOf(parameters),
	}
	if _, err := stacks.CreateStack(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if _, err := stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: in.StackName}); err != nil {
			t.Error(err)
		}
		if err := cloudformation.NewStackDeleteCompleteWaiter(stacks, func(o *cloudformation.StackDeleteCompleteWaiterOptions) { o.MinDelay = 100 * time.Millisecond }).
			Wait(ctx, &cloudformation.DescribeStacksInput{StackName: in.StackName}, time.Minute); err != nil {
			t.Error(err)
		}
	})
	out, err := cloudformation.NewStackCreateCompleteWaiter(stacks, func(o *cloudformation.StackCreateCompleteWaiterOptions) { o.MinDelay = 100 * time.Millisecond }).
		WaitForOutput(t.Context(), &cloudformation.DescribeStacksInput{StackName: in.StackName}, time.Minute)
	if err != nil {
		why, describe := stacks.DescribeStackEvents(t.Context(), &cloudformation.DescribeStackEventsInput{StackName: in.StackName})
		for _, event := range why.StackEvents {
			if event.ResourceStatus == types.ResourceStatusCreateFailed {
				t.Logf("%s: %s", aws.ToString(event.LogicalResourceId), aws.ToString(event.ResourceStatusReason))
			}
		}
		t.Fatal(errors.Join(err, describe))
	}
	outputs := map[string]string{}
	for _, o := range out.Stacks[0].Outputs {
		outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	return outputs
}

// forLocalStage changes in a template what the constructs do otherwise on the local stage:
// see localStage.
func forLocalStage(t *testing.T, template []byte, endpoint string) []byte {
	t.Helper()
	var whole map[string]any
	if err := json.Unmarshal(template, &whole); err != nil {
		t.Fatal(err)
	}
	delete(at(whole, "Parameters.JwksUrl").(map[string]any), "AllowedPattern") // it has no TLS
	resources := whole["Resources"].(map[string]any)
	var api string
	for id, r := range resources {
		if at(r, "Type") == "AWS::ApiGatewayV2::Api" {
			api = id
		}
	}
	for id, r := range resources {
		r := r.(map[string]any)
		properties, _ := r["Properties"].(map[string]any)
		r["DeletionPolicy"] = "Delete"
		switch r["Type"] {
		case "AWS::ApiGatewayV2::RouteResponse", "AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy":
			delete(resources, id)
		case "AWS::CloudWatch::Alarm":
			if properties["Metrics"] != nil {
				delete(properties, "Metrics")
				maps.Copy(properties, map[string]any{"Namespace": "AWS/Lambda", "MetricName": "Errors", "Statistic": "Sum", "Period": 300})
			}
		case "AWS::DynamoDB::GlobalTable":
			at(properties, "Replicas.0").(map[string]any)["DeletionProtectionEnabled"] = false
		case "AWS::IAM::Policy":
			for _, s := range at(properties, "PolicyDocument.Statement").([]any) {
				statement := s.(map[string]any)
				if actions := list(statement["Action"]); slices.Contains(actions, any("sqs:SendMessage")) {
					statement["Action"] = append(actions, "sqs:SendMessageBatch")
				}
			}
		case "AWS::Lambda::EventSourceMapping":
			if properties["ScalingConfig"] != nil { // the emulator takes a parameter for text, also where it is a number
				properties["ScalingConfig"] = map[string]any{"MaximumConcurrency": 10}
			}
		case "AWS::Lambda::Function":
			const callback = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
			if variables, _ := at(properties, "Environment.Variables").(map[string]any); variables[callback] != nil {
				variables[callback] = map[string]any{"Fn::Sub": endpoint + "/_aws/execute-api/${" + api + "}/${StageName}"}
			}
		}
	}
	text, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
