package constructs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/internal/contract"
)

const (
	requestsARN = "arn:aws:dynamodb:eu-west-1:111122223333:table/requests"
	streamARN   = requestsARN + "/stream/2026-01-01T00:00:00.000"
)

// existing is storage that another app made, with keys of its own.
func existing(stack awscdk.Stack) *constructs.Storage {
	key := func(id string) awskms.IKey {
		return awskms.Key_FromKeyArn(stack, jsii.String(id), jsii.String("arn:aws:kms:eu-west-1:111122223333:key/"+id))
	}
	return &constructs.Storage{
		Connections: awsdynamodb.TableV2_FromTableAttributes(stack, jsii.String("Connections"), &awsdynamodb.TableAttributesV2{
			TableName: jsii.String("connections"), EncryptionKey: key("tables"),
		}),
		Requests: awsdynamodb.TableV2_FromTableAttributes(stack, jsii.String("Requests"), &awsdynamodb.TableAttributesV2{
			TableArn: jsii.String(requestsARN), TableStreamArn: jsii.String(streamARN), EncryptionKey: key("tables-too"),
		}),
		Files: awss3.Bucket_FromBucketAttributes(stack, jsii.String("Files"), &awss3.BucketAttributes{
			BucketName: jsii.String("files"), EncryptionKey: key("bucket"),
		}),
	}
}

func TestExistingStorage(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Storage: existing(stack)}).Outputs(stack)
	})
	for _, kind := range []string{"AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key"} {
		if made := tpl.ofType(kind); len(made) != 0 {
			t.Errorf("%s: %v", kind, made)
		}
	}
	tpl.check(t, "RouterFunction", map[string]string{
		"Environment.Variables.STREAMER_CONNECTIONS_TABLE": `"connections"`,
		"Environment.Variables.STREAMER_REQUESTS_TABLE":    `"requests"`,
		"Environment.Variables.STREAMER_FILES_BUCKET":      `"files"`,
	})
	tpl.check(t, "DispatcherSource", map[string]string{"EventSourceArn": `"` + streamARN + `"`})
	tpl.check(t, "OldestWaitingAlarm", map[string]string{"Dimensions": `[{"Name":"Service","Value":"requests"}]`})
	if got := tpl.Outputs["FilesBucketName"].Value; got != "files" {
		t.Errorf("output %v", got)
	}
	router := tpl.allowed(t, "Router")
	for _, want := range []string{
		"dynamodb:PutItem on arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/connections",
		"dynamodb:PutItem on " + requestsARN,
		"s3:PutObject on arn:${AWS::Partition}:s3:::files/t/*",
		"kms:Encrypt on arn:aws:kms:eu-west-1:111122223333:key/tables",
		"kms:Encrypt on arn:aws:kms:eu-west-1:111122223333:key/tables-too",
		"kms:Encrypt on arn:aws:kms:eu-west-1:111122223333:key/bucket",
	} {
		if !slices.Contains(router, want) {
			t.Errorf("the router may not %s", want)
		}
	}
	if authorizer := strings.Join(tpl.allowed(t, "Authorizer"), " "); strings.Contains(authorizer, "kms:") {
		t.Errorf("the authorizer may %s", authorizer)
	}
}

// TestSomeStorageExists: what is not brought is made.
func TestSomeStorageExists(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
			Storage: &constructs.Storage{Requests: existing(stack).Requests}, FileRetentionDays: 7,
		})
	})
	if tables := tpl.ofType("AWS::DynamoDB::GlobalTable"); !slices.Equal(tables, []string{"Connections"}) {
		t.Errorf("tables %v", tables)
	}
	tpl.check(t, "Files", map[string]string{"LifecycleConfiguration.Rules.0.ExpirationInDays": `7`})
}

// TestStorageOfAStackOfItsOwn: the functions' stack goes without it, and it is the same as one
// that a Streamer makes.
func TestStorageOfAStackOfItsOwn(t *testing.T) {
	app := newApp(t, nil)
	data := awscdk.NewStack(app, jsii.String("Data"), nil)
	storage := constructs.NewStorage(data, "Streamer", &constructs.StorageProps{
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY, FileRetentionDays: 7, WebOrigins: []string{"https://app.example.com"},
	})
	stack := awscdk.NewStack(app, jsii.String("Functions"), nil)
	constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Storage: storage})

	functions := templateOf(t, stack)
	for _, kind := range []string{"AWS::DynamoDB::GlobalTable", "AWS::S3::Bucket"} {
		if made := functions.ofType(kind); len(made) != 0 {
			t.Errorf("%s: %v", kind, made)
		}
	}
	own := synth(t, nil, &constructs.StreamerProps{
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY, FileRetentionDays: 7, WebOrigins: []string{"https://app.example.com"},
	})
	made := templateOf(t, data)
	for _, resource := range []string{"Connections", "Requests", "Files", "FilesPolicy"} {
		if got, want := jsonOf(t, made.Resources[resource]), jsonOf(t, own.Resources[resource]); got != want {
			t.Errorf("%s\n got %s\nwant %s", resource, got, want)
		}
	}
	if len(made.Resources) != 4 {
		t.Errorf("it holds %d resources", len(made.Resources))
	}
}

func TestStorageWithKey(t *testing.T) {
	stack := inIreland(newApp(t, nil))
	constructs.NewStorage(stack, "Storage", &constructs.StorageProps{EncryptionKey: awskms.NewKey(stack, jsii.String("Key"), nil)})
	tpl := templateOf(t, stack)
	for _, table := range []string{"StorageConnections", "StorageRequests"} {
		tpl.check(t, table, map[string]string{"Replicas.0.SSESpecification": `{"KMSMasterKeyId":"${Key.Arn}"}`, "Replicas.0.DeletionProtectionEnabled": `true`})
	}
	tpl.check(t, "StorageFiles", map[string]string{
		"BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault": `{"KMSMasterKeyID":"${Key.Arn}","SSEAlgorithm":"aws:kms"}`,
	})
}

func TestNothingLocalIsKept(t *testing.T) {
	tpl := synthStack(t, map[string]any{contract.ContextLocal: localContext}, func(stack awscdk.Stack) {
		constructs.NewStorage(stack, "Storage", nil)
	})
	for _, resource := range []string{"StorageConnections", "StorageRequests", "StorageFiles"} {
		if policy := tpl.Resources[resource].DeletionPolicy; policy != "Delete" {
			t.Errorf("%s: deletion policy %s", resource, policy)
		}
	}
}

// requests is a table that fits, as a user would write it.
func requests() *awsdynamodb.TablePropsV2 {
	text := func(name string) *awsdynamodb.Attribute {
		return &awsdynamodb.Attribute{Name: jsii.String(name), Type: awsdynamodb.AttributeType_STRING}
	}
	created := &awsdynamodb.Attribute{Name: jsii.String("created_at"), Type: awsdynamodb.AttributeType_NUMBER}
	return &awsdynamodb.TablePropsV2{
		PartitionKey: text("pk"), SortKey: text("sk"), TimeToLiveAttribute: jsii.String("ttl"),
		DynamoStream: awsdynamodb.StreamViewType_NEW_AND_OLD_IMAGES,
		GlobalSecondaryIndexes: &[]*awsdynamodb.GlobalSecondaryIndexPropsV2{
			{IndexName: jsii.String("open"), PartitionKey: text("open_shard"), SortKey: created, ProjectionType: awsdynamodb.ProjectionType_KEYS_ONLY},
			{IndexName: jsii.String("by_tenant"), PartitionKey: text("tenant_day"), SortKey: created},
			{IndexName: jsii.String("by_user"), PartitionKey: text("user_key"), SortKey: created, ProjectionType: awsdynamodb.ProjectionType_KEYS_ONLY},
		},
	}
}

func TestTablesOfThisAppAreChecked(t *testing.T) {
	for want, spoil := range map[string]func(*awsdynamodb.TablePropsV2){
		"": func(*awsdynamodb.TablePropsV2) {}, // more in index and stream than is needed, another order
		"Storage.Requests has another key than pk and sk; NewStorage": func(p *awsdynamodb.TablePropsV2) {
			p.SortKey = nil
		},
		"Storage.Requests has not ttl as its TTL attribute": func(p *awsdynamodb.TablePropsV2) {
			p.TimeToLiveAttribute = jsii.String("expires")
		},
		"Storage.Requests has no stream: give it one with new images": func(p *awsdynamodb.TablePropsV2) {
			p.DynamoStream = ""
		},
		"Storage.Requests has a stream of KEYS_ONLY: give it NEW_IMAGE": func(p *awsdynamodb.TablePropsV2) {
			p.DynamoStream = awsdynamodb.StreamViewType_KEYS_ONLY
		},
		"Storage.Requests has no index by_user over user_key and created_at": func(p *awsdynamodb.TablePropsV2) {
			(*p.GlobalSecondaryIndexes)[2].SortKey.Name = jsii.String("ended_at")
		},
		"Storage.Requests has no index open over open_shard and created_at": func(p *awsdynamodb.TablePropsV2) {
			(*p.GlobalSecondaryIndexes)[0].IndexName = jsii.String("opened")
		},
		"Storage.Requests has no index by_tenant over tenant_day and created_at, with [action status": func(p *awsdynamodb.TablePropsV2) {
			(*p.GlobalSecondaryIndexes)[1].ProjectionType = awsdynamodb.ProjectionType_INCLUDE
			(*p.GlobalSecondaryIndexes)[1].NonKeyAttributes = jsii.Strings("action", "status", "user")
		},
	} {
		props := requests()
		for i, index := range *props.GlobalSecondaryIndexes { // each its own, to be spoilt alone
			sortKey := *index.SortKey
			(*props.GlobalSecondaryIndexes)[i].SortKey = &sortKey
		}
		spoil(props)
		got := storageFailure(t, func(stack awscdk.Stack) *constructs.StreamerProps {
			return &constructs.StreamerProps{Storage: &constructs.Storage{Requests: awsdynamodb.NewTableV2(stack, jsii.String("Table"), props)}}
		})
		switch {
		case want == "" && got != "":
			t.Errorf("a table that fits is refused: %s", got)
		case !strings.HasPrefix(got, want) || (want != "" && !strings.Contains(got, "NewStorage makes one that fits")):
			t.Errorf("got  %q\nwant %s…", got, want)
		}
	}
}

func TestBadStorageNamesItself(t *testing.T) {
	for want, props := range map[string]func(awscdk.Stack) *constructs.StreamerProps{
		"Storage.Requests has no stream": func(stack awscdk.Stack) *constructs.StreamerProps {
			return &constructs.StreamerProps{Storage: &constructs.Storage{Requests: awsdynamodb.TableV2_FromTableName(stack, jsii.String("Table"), jsii.String("mine"))}}
		},
		"Storage.Connections has another key than connection_id": func(stack awscdk.Stack) *constructs.StreamerProps {
			return &constructs.StreamerProps{Storage: &constructs.Storage{Connections: awsdynamodb.NewTableV2(stack, jsii.String("Table"), requests())}}
		},
		"Storage.Files has no lifecycle rule by which objects under t/ expire": func(stack awscdk.Stack) *constructs.StreamerProps {
			return &constructs.StreamerProps{Storage: &constructs.Storage{Files: awss3.NewBucket(stack, jsii.String("Bucket"), &awss3.BucketProps{
				LifecycleRules: &[]*awss3.LifecycleRule{{Prefix: jsii.String("t/reports/"), Expiration: awscdk.Duration_Days(jsii.Number(30))}},
			})}}
		},
		"Storage.Files has no lifecycle rule by which objects under t/ expire, so": func(stack awscdk.Stack) *constructs.StreamerProps {
			return &constructs.StreamerProps{Storage: &constructs.Storage{Files: awss3.NewBucket(stack, jsii.String("Bucket"), &awss3.BucketProps{
				LifecycleRules: &[]*awss3.LifecycleRule{
					{Expiration: awscdk.Duration_Days(jsii.Number(30)), TagFilters: &map[string]any{"temporary": "yes"}},
					{Expiration: awscdk.Duration_Days(jsii.Number(30)), ObjectSizeGreaterThan: jsii.Number(1_000_000)},
				},
			})}}
		},
		"Storage.Files has no lifecycle rule by which versions of objects that are no longer current under t/ expire": func(stack awscdk.Stack) *constructs.StreamerProps {
			return &constructs.StreamerProps{Storage: &constructs.Storage{Files: awss3.NewBucket(stack, jsii.String("Bucket"), &awss3.BucketProps{
				Versioned: jsii.Bool(true), LifecycleRules: &[]*awss3.LifecycleRule{{Expiration: awscdk.Duration_Days(jsii.Number(30))}},
			})}}
		},
		"FileRetentionDays or WebOrigins is set beside Storage.Files": func(stack awscdk.Stack) *constructs.StreamerProps {
			return &constructs.StreamerProps{Storage: existing(stack), FileRetentionDays: 7}
		},
	} {
		if got := storageFailure(t, props); !strings.HasPrefix(got, want) {
			t.Errorf("got  %q\nwant %s…", got, want)
		}
	}
	for _, fits := range []*awss3.BucketProps{
		{LifecycleRules: &[]*awss3.LifecycleRule{{Expiration: awscdk.Duration_Days(jsii.Number(30))}}},
		{Versioned: jsii.Bool(true), LifecycleRules: &[]*awss3.LifecycleRule{
			{Expiration: awscdk.Duration_Days(jsii.Number(30))}, {NoncurrentVersionExpiration: awscdk.Duration_Days(jsii.Number(1))},
		}},
	} {
		if got := storageFailure(t, func(stack awscdk.Stack) *constructs.StreamerProps {
			return &constructs.StreamerProps{Storage: &constructs.Storage{Files: awss3.NewBucket(stack, jsii.String("Bucket"), fits)}}
		}); got != "" {
			t.Errorf("a bucket that fits is refused: %s", got)
		}
	}
	stack := awscdk.NewStack(newApp(t, nil), jsii.String("Dev"), nil)
	got := panicOf(func() { constructs.NewStorage(stack, "Storage", &constructs.StorageProps{FileRetentionDays: -1}) })
	if got != "streamer Dev/Storage: FileRetentionDays is -1: give at least 1" {
		t.Errorf("got %q", got)
	}
}

// storageFailure is what a Streamer with props says, its path left out; "" if nothing.
func storageFailure(t *testing.T, props func(awscdk.Stack) *constructs.StreamerProps) string {
	t.Helper()
	stack := awscdk.NewStack(newApp(t, nil), jsii.String("Dev"), nil)
	return strings.TrimPrefix(panicOf(func() { constructs.NewStreamer(stack, "Streamer", props(stack)) }), "streamer Dev/Streamer: ")
}
