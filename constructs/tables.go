package constructs

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// tableShape is what makes a table one of Streamer's.
type tableShape struct {
	id                    string
	partitionKey, sortKey string // text; the sort key may be empty
	ttl                   string
	// streams are the views that serve: the first is what is made, and none means that the
	// stream is for others.
	streams []awsdynamodb.StreamViewType
	indexes []indexShape
}

type indexShape struct {
	name, partitionKey string // text
	sortKey            string // a number
	attributes         []string
}

var (
	connectionsTable = tableShape{
		id: "Connections", partitionKey: contract.ConnectionID, ttl: contract.ExpiresAt,
		indexes: []indexShape{{contract.IndexConnectionsByUser, contract.ConnectionUserKey, contract.ConnectedAt, nil}},
	}
	requestsTable = tableShape{
		id: "Requests", partitionKey: contract.PK, sortKey: contract.SK, ttl: contract.TTL,
		// The dispatcher needs to know what a row became, not what it was.
		streams: []awsdynamodb.StreamViewType{awsdynamodb.StreamViewType_NEW_IMAGE, awsdynamodb.StreamViewType_NEW_AND_OLD_IMAGES},
		indexes: []indexShape{
			{contract.IndexByTenant, contract.TenantDay, contract.CreatedAt, contract.ByTenantAttributes},
			{contract.IndexByUser, contract.UserKey, contract.CreatedAt, nil},
			{contract.IndexOpen, contract.OpenShard, contract.CreatedAt, nil},
		},
	}
)

// make makes the table. It charges per request and can be restored to any second of the last
// 35 days.
func (t tableShape) make(scope constructs.Construct, p *StorageProps) awsdynamodb.ITableV2 {
	props := &awsdynamodb.TablePropsV2{
		PartitionKey:                     attribute(t.partitionKey, awsdynamodb.AttributeType_STRING),
		TimeToLiveAttribute:              jsii.String(t.ttl),
		Billing:                          awsdynamodb.Billing_OnDemand(nil),
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: jsii.Bool(true)},
		RemovalPolicy:                    p.RemovalPolicy,
		DeletionProtection:               jsii.Bool(p.RemovalPolicy != awscdk.RemovalPolicy_DESTROY),
		Encryption:                       awsdynamodb.TableEncryptionV2_DynamoOwnedKey(),
		// Both images: a row that its TTL removed still tells whose connection it was,
		// and the view type of a stream cannot be changed later.
		DynamoStream: awsdynamodb.StreamViewType_NEW_AND_OLD_IMAGES,
	}
	if t.sortKey != "" {
		props.SortKey = attribute(t.sortKey, awsdynamodb.AttributeType_STRING)
	}
	if len(t.streams) > 0 {
		props.DynamoStream = t.streams[0]
	}
	if p.EncryptionKey != nil {
		props.Encryption = awsdynamodb.TableEncryptionV2_CustomerManagedKey(p.EncryptionKey, nil)
	}
	var indexes []*awsdynamodb.GlobalSecondaryIndexPropsV2
	for _, i := range t.indexes {
		index := &awsdynamodb.GlobalSecondaryIndexPropsV2{
			IndexName:      jsii.String(i.name),
			PartitionKey:   attribute(i.partitionKey, awsdynamodb.AttributeType_STRING),
			SortKey:        attribute(i.sortKey, awsdynamodb.AttributeType_NUMBER),
			ProjectionType: awsdynamodb.ProjectionType_KEYS_ONLY,
		}
		if len(i.attributes) > 0 {
			index.ProjectionType = awsdynamodb.ProjectionType_INCLUDE
			index.NonKeyAttributes = jsii.Strings(i.attributes...)
		}
		indexes = append(indexes, index)
	}
	props.GlobalSecondaryIndexes = &indexes
	return awsdynamodb.NewTableV2(scope, jsii.String(t.id), props)
}

func attribute(name string, kind awsdynamodb.AttributeType) *awsdynamodb.Attribute {
	return &awsdynamodb.Attribute{Name: jsii.String(name), Type: kind}
}

// madeTable is what CloudFormation will be told about a table, as far as its shape goes.
type madeTable struct {
	keys       []madeKey
	attributes []struct{ AttributeName, AttributeType string }
	stream     struct{ StreamViewType awsdynamodb.StreamViewType }
	ttl        struct {
		AttributeName string
		Enabled       bool
	}
	indexes []struct {
		IndexName  string
		KeySchema  []madeKey
		Projection struct {
			ProjectionType   awsdynamodb.ProjectionType
			NonKeyAttributes []string
		}
	}
}

type madeKey struct{ AttributeName, KeyType string }

const newStorageMakesIt = "NewStorage makes one that fits"

// check tells why a table does not have the shape, as far as that can be known: of one that
// another app made, only whether its stream is named.
func (t tableShape) check(field string, table awsdynamodb.ITableV2) error {
	if table == nil {
		return nil
	}
	noStream := fmt.Errorf("%s has no stream: give it one with new images, and its TableStreamArn where it is named; %s", field, newStorageMakesIt)
	if len(t.streams) > 0 && table.TableStreamArn() == nil {
		return noStream
	}
	resource, here := table.Node().DefaultChild().(awsdynamodb.CfnGlobalTable)
	if !here {
		return nil
	}
	made, err := readTable(resource)
	if err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	if !made.hasKey(made.keys, t.partitionKey, t.sortKey, "S") {
		return fmt.Errorf("%s has another key than %s: %s", field, joined(t.partitionKey, t.sortKey), newStorageMakesIt)
	}
	if made.ttl.AttributeName != t.ttl || !made.ttl.Enabled {
		return fmt.Errorf("%s has not %s as its TTL attribute, so that it would grow for ever: %s", field, t.ttl, newStorageMakesIt)
	}
	if len(t.streams) > 0 && made.stream.StreamViewType == "" { // the CDK knows the ARN that it would have
		return noStream
	}
	if len(t.streams) > 0 && !slices.Contains(t.streams, made.stream.StreamViewType) {
		return fmt.Errorf("%s has a stream of %s: give it %s; %s", field, made.stream.StreamViewType, t.streams[0], newStorageMakesIt)
	}
	for _, index := range t.indexes {
		if !made.hasIndex(index) {
			return fmt.Errorf("%s has no index %s over %s, with %v beside the keys: %s", field, index.name, joined(index.partitionKey, index.sortKey), index.attributes, newStorageMakesIt)
		}
	}
	return nil
}

func joined(partitionKey, sortKey string) string {
	if sortKey == "" {
		return partitionKey
	}
	return partitionKey + " and " + sortKey
}

// readTable resolves what the CDK still may work out.
func readTable(resource awsdynamodb.CfnGlobalTable) (madeTable, error) {
	made, stack := madeTable{}, awscdk.Stack_Of(resource)
	for _, part := range []struct {
		from any
		to   any
	}{
		{resource.KeySchema(), &made.keys}, {resource.AttributeDefinitions(), &made.attributes},
		{resource.StreamSpecification(), &made.stream}, {resource.TimeToLiveSpecification(), &made.ttl},
		{resource.GlobalSecondaryIndexes(), &made.indexes},
	} {
		text, err := json.Marshal(stack.Resolve(part.from))
		if err != nil {
			return made, err
		}
		if err := json.Unmarshal(text, part.to); err != nil {
			return made, err
		}
	}
	return made, nil
}

// hasKey tells whether keys are these; sortType is the type of the sort key, if there is one.
func (m madeTable) hasKey(keys []madeKey, partitionKey, sortKey, sortType string) bool {
	types := map[string]string{}
	for _, a := range m.attributes {
		types[a.AttributeName] = a.AttributeType
	}
	want := []madeKey{{partitionKey, "HASH"}}
	if sortKey != "" {
		want = append(want, madeKey{sortKey, "RANGE"})
	}
	return slices.Equal(keys, want) && types[partitionKey] == "S" && (sortKey == "" || types[sortKey] == sortType)
}

func (m madeTable) hasIndex(want indexShape) bool {
	for _, index := range m.indexes {
		if index.IndexName != want.name || !m.hasKey(index.KeySchema, want.partitionKey, want.sortKey, "N") {
			continue
		}
		whole := index.Projection.ProjectionType == awsdynamodb.ProjectionType_ALL
		return whole || !slices.ContainsFunc(want.attributes, func(name string) bool {
			return !slices.Contains(index.Projection.NonKeyAttributes, name)
		})
	}
	return false
}
