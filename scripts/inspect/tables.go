package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/pay-theory/streamer/internal/shape"
)

// checkTables compares both tables, which may be brought, with what the functions need.
func checkTables(ctx context.Context, p *patient) ([]finding, error) {
	var found []finding
	for _, t := range []struct {
		what, name string
		needed     shape.Table
	}{
		{"requests", p.requestsTable, shape.Requests}, {"connections", p.connections.Table, shape.Connections},
	} {
		out, err := p.table(ctx, t.name)
		if err != nil {
			return found, err
		}
		if out.TableStatus != types.TableStatusActive && out.TableStatus != types.TableStatusUpdating {
			found = append(found, wrong("see the table in DynamoDB's console", "the table of %s is %s", t.what, out.TableStatus))
		}
		ttl, err := p.tables.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &t.name})
		if err != nil {
			return found, fmt.Errorf("look at the expiry of %s: %w", t.what, err)
		}
		made := shapeOf(out)
		if ttl.TimeToLiveDescription.TimeToLiveStatus == types.TimeToLiveStatusEnabled {
			made.TTL = aws.ToString(ttl.TimeToLiveDescription.AttributeName)
		}
		if made.TTL != t.needed.TTL { // which has a remedy of its own
			found = append(found, p.endless(t.what, "the table grows", "aws dynamodb update-time-to-live --table-name "+t.name+" --time-to-live-specification Enabled=true,AttributeName="+t.needed.TTL))
			made.TTL = t.needed.TTL
		}
		for _, lack := range t.needed.Unlike(made) {
			found = append(found, wrong("give it that, or let the construct make the table: NewStorage", "the table of %s %s", t.what, lack))
		}
	}
	if len(found) == 0 {
		found = append(found, ok("requests and connections have the keys, indexes and stream that functions need, and expire"))
	}
	return found, nil
}

// endless says that something does not expire.
func (p *patient) endless(what, grows, do string) finding {
	if p.Emulator != "" {
		return know("", "%s do not expire: the local stage has no expiry", what)
	}
	return wrong(do, "%s do not expire: %s for ever", what, grows)
}

func (p *patient) table(ctx context.Context, name string) (*types.TableDescription, error) {
	out, err := p.tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return nil, fmt.Errorf("look at the table %s: %w", name, err)
	}
	return out.Table, nil
}

// shapeOf is the shape of a table but for its TTL, which another call tells.
func shapeOf(table *types.TableDescription) shape.Table {
	kinds := map[string]string{}
	for _, a := range table.AttributeDefinitions {
		kinds[aws.ToString(a.AttributeName)] = string(a.AttributeType)
	}
	typed := func(key []types.KeySchemaElement) (out []shape.Attribute) {
		for _, k := range key {
			name := aws.ToString(k.AttributeName)
			out = append(out, shape.Attribute{Name: name, Type: kinds[name]})
		}
		return out
	}
	made := shape.Table{Key: typed(table.KeySchema)}
	if stream := table.StreamSpecification; stream != nil && aws.ToBool(stream.StreamEnabled) {
		made.Streams = []string{string(stream.StreamViewType)}
	}
	for _, i := range table.GlobalSecondaryIndexes {
		index := shape.Index{Name: aws.ToString(i.IndexName), Key: typed(i.KeySchema)}
		if i.Projection != nil {
			index.Attributes, index.Whole = i.Projection.NonKeyAttributes, i.Projection.ProjectionType == types.ProjectionTypeAll
		}
		made.Indexes = append(made.Indexes, index)
	}
	return made
}
