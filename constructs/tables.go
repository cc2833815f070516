package constructs

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/shape"
)

// tableShape is one of Streamer's tables.
type tableShape struct {
	id string
	shape.Table
}

var (
	connectionsTable = tableShape{"Connections", shape.Connections}
	requestsTable    = tableShape{"Requests", shape.Requests}
)

// make makes the table. It charges per request and can be restored to any second of the last
// 35 days.
func (t tableShape) make(scope constructs.Construct, p *StorageProps) awsdynamodb.ITableV2 {
	props := &awsdynamodb.TablePropsV2{
		PartitionKey:                     attribute(t.Key, 0),
		SortKey:                          attribute(t.Key, 1),
		TimeToLiveAttribute:              jsii.String(t.TTL),
		Billing:                          awsdynamodb.Billing_OnDemand(nil),
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: jsii.Bool(true)},
		RemovalPolicy:                    p.RemovalPolicy,
		DeletionProtection:               jsii.Bool(p.RemovalPolicy != awscdk.RemovalPolicy_DESTROY),
		Encryption:                       awsdynamodb.TableEncryptionV2_DynamoOwnedKey(),
		// Both images: a row that its TTL removed still tells whose connection it was,
		// and the view type of a stream cannot be changed later.
		DynamoStream: awsdynamodb.StreamViewType_NEW_AND_OLD_IMAGES,
	}
	if len(t.Streams) > 0 {
		props.DynamoStream = awsdynamodb.StreamViewType(t.Streams[0])
	}
	if p.EncryptionKey != nil {
		props.Encryption = awsdynamodb.TableEncryptionV2_CustomerManagedKey(p.EncryptionKey, nil)
	}
	var indexes []*awsdynamodb.GlobalSecondaryIndexPropsV2
	for _, i := range t.Indexes {
		index := &awsdynamodb.GlobalSecondaryIndexPropsV2{
			IndexName:      jsii.String(i.Name),
			PartitionKey:   attribute(i.Key, 0),
			SortKey:        attribute(i.Key, 1),
			ProjectionType: awsdynamodb.ProjectionType_KEYS_ONLY,
		}
		if len(i.Attributes) > 0 {
			index.ProjectionType = awsdynamodb.ProjectionType_INCLUDE
			index.NonKeyAttributes = jsii.Strings(i.Attributes...)
		}
		indexes = append(indexes, index)
	}
	props.GlobalSecondaryIndexes = &indexes
	return awsdynamodb.NewTableV2(scope, jsii.String(t.id), props)
}

// attribute is the one at a place of a key, nil if the key has no such place.
func attribute(key []shape.Attribute, at int) *awsdynamodb.Attribute {
	if at >= len(key) {
		return nil
	}
	kinds := map[string]awsdynamodb.AttributeType{"S": awsdynamodb.AttributeType_STRING, "N": awsdynamodb.AttributeType_NUMBER}
	return &awsdynamodb.Attribute{Name: jsii.String(key[at].Name), Type: kinds[key[at].Type]}
}

const newStorageMakesIt = "NewStorage makes one that fits"

// check tells why a table does not have the shape, as far as that can be known: of one that
// another app made, only whether its stream is named.
func (t tableShape) check(field string, table awsdynamodb.ITableV2) error {
	if table == nil {
		return nil
	}
	if len(t.Streams) > 0 && table.TableStreamArn() == nil {
		return fmt.Errorf("%s %s, and its TableStreamArn where it is named; %s", field, shape.NoStream, newStorageMakesIt)
	}
	resource, here := table.Node().DefaultChild().(awsdynamodb.CfnGlobalTable)
	if !here {
		return nil
	}
	made, err := readTable(resource)
	if err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	for _, lack := range t.Unlike(made) {
		return fmt.Errorf("%s %s; %s", field, lack, newStorageMakesIt)
	}
	return nil
}

// readTable is the shape that CloudFormation will be told of a table; what the CDK still may
// work out is resolved.
func readTable(resource awsdynamodb.CfnGlobalTable) (shape.Table, error) {
	type key []struct{ AttributeName string }
	var (
		own        key
		attributes []struct{ AttributeName, AttributeType string }
		stream     struct{ StreamViewType string }
		ttl        struct {
			AttributeName string
			Enabled       bool
		}
		indexes []struct {
			IndexName  string
			KeySchema  key
			Projection struct {
				ProjectionType   awsdynamodb.ProjectionType
				NonKeyAttributes []string
			}
		}
	)
	stack := awscdk.Stack_Of(resource)
	for _, part := range []struct {
		from any
		to   any
	}{
		{resource.KeySchema(), &own}, {resource.AttributeDefinitions(), &attributes},
		{resource.StreamSpecification(), &stream}, {resource.TimeToLiveSpecification(), &ttl},
		{resource.GlobalSecondaryIndexes(), &indexes},
	} {
		text, err := json.Marshal(stack.Resolve(part.from))
		if err != nil {
			return shape.Table{}, err
		}
		if err := json.Unmarshal(text, part.to); err != nil {
			return shape.Table{}, err
		}
	}
	types := map[string]string{}
	for _, a := range attributes {
		types[a.AttributeName] = a.AttributeType
	}
	typed := func(k key) (out []shape.Attribute) {
		for _, a := range k {
			out = append(out, shape.Attribute{Name: a.AttributeName, Type: types[a.AttributeName]})
		}
		return out
	}
	made := shape.Table{Key: typed(own)}
	if ttl.Enabled {
		made.TTL = ttl.AttributeName
	}
	if stream.StreamViewType != "" { // the CDK knows the ARN that it would have
		made.Streams = []string{stream.StreamViewType}
	}
	for _, i := range indexes {
		made.Indexes = append(made.Indexes, shape.Index{
			Name: i.IndexName, Key: typed(i.KeySchema), Attributes: i.Projection.NonKeyAttributes, Whole: i.Projection.ProjectionType == awsdynamodb.ProjectionType_ALL,
		})
	}
	return made, nil
}
