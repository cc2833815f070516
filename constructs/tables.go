package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// addTables makes the two tables. They charge per request and can be restored to any
// second of the last 35 days.
func (s *StreamerConstruct) addTables(p *StreamerProps) {
	s.Connections = s.newTable("Connections", p, &awsdynamodb.TablePropsV2{
		PartitionKey:        text(contract.ConnectionID),
		TimeToLiveAttribute: jsii.String(contract.ExpiresAt),
		GlobalSecondaryIndexes: &[]*awsdynamodb.GlobalSecondaryIndexPropsV2{
			keysOnly(contract.IndexConnectionsByUser, contract.ConnectionUserKey, contract.ConnectedAt),
		},
		// Both images: a row that its TTL removed still tells whose connection it was,
		// and the view type of a stream cannot be changed later.
		DynamoStream: awsdynamodb.StreamViewType_NEW_AND_OLD_IMAGES,
	})

	byTenant := keysOnly(contract.IndexByTenant, contract.TenantDay, contract.CreatedAt)
	byTenant.ProjectionType = awsdynamodb.ProjectionType_INCLUDE
	byTenant.NonKeyAttributes = jsii.Strings(contract.ByTenantAttributes...)
	s.Requests = s.newTable("Requests", p, &awsdynamodb.TablePropsV2{
		PartitionKey:        text(contract.PK),
		SortKey:             text(contract.SK),
		TimeToLiveAttribute: jsii.String(contract.TTL),
		GlobalSecondaryIndexes: &[]*awsdynamodb.GlobalSecondaryIndexPropsV2{
			byTenant,
			keysOnly(contract.IndexByUser, contract.UserKey, contract.CreatedAt),
			keysOnly(contract.IndexOpen, contract.OpenShard, contract.CreatedAt),
		},
		// The dispatcher needs to know what a row became, not what it was.
		DynamoStream: awsdynamodb.StreamViewType_NEW_IMAGE,
	})
}

// newTable adds to the props of a table what both have alike.
func (s *StreamerConstruct) newTable(id string, p *StreamerProps, table *awsdynamodb.TablePropsV2) awsdynamodb.TableV2 {
	table.Billing = awsdynamodb.Billing_OnDemand(nil)
	table.PointInTimeRecoverySpecification = &awsdynamodb.PointInTimeRecoverySpecification{
		PointInTimeRecoveryEnabled: jsii.Bool(true),
	}
	table.RemovalPolicy = p.RemovalPolicy
	table.DeletionProtection = jsii.Bool(p.RemovalPolicy != awscdk.RemovalPolicy_DESTROY)
	table.Encryption = awsdynamodb.TableEncryptionV2_DynamoOwnedKey()
	if p.EncryptionKey != nil {
		table.Encryption = awsdynamodb.TableEncryptionV2_CustomerManagedKey(p.EncryptionKey, nil)
	}
	return awsdynamodb.NewTableV2(s, jsii.String(id), table)
}

func keysOnly(name, partitionKey, sortKey string) *awsdynamodb.GlobalSecondaryIndexPropsV2 {
	return &awsdynamodb.GlobalSecondaryIndexPropsV2{
		IndexName:      jsii.String(name),
		PartitionKey:   text(partitionKey),
		SortKey:        &awsdynamodb.Attribute{Name: jsii.String(sortKey), Type: awsdynamodb.AttributeType_NUMBER},
		ProjectionType: awsdynamodb.ProjectionType_KEYS_ONLY,
	}
}

func text(name string) *awsdynamodb.Attribute {
	return &awsdynamodb.Attribute{Name: jsii.String(name), Type: awsdynamodb.AttributeType_STRING}
}
