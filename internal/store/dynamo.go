package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
)

// pageSize is how many requests one page of a list has at most.
const pageSize = 100

// DynamoRequests is the requests table in DynamoDB.
type DynamoRequests struct {
	Client *dynamodb.Client
	Table  string
}

var _ Requests = DynamoRequests{}

// Create implements Requests.
func (d DynamoRequests) Create(ctx context.Context, row lifecycle.Row, now time.Time) error {
	it, err := attributevalue.MarshalMap(row)
	if err != nil {
		return fmt.Errorf("encode request row: %w", err)
	}
	e := newExpression()
	_, err = d.Client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &d.Table, Item: it,
		ConditionExpression:                 aws.String(e.condition(lifecycle.Vacant(now))),
		ExpressionAttributeNames:            e.names,
		ExpressionAttributeValues:           e.values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	return refused("create", err)
}

// Update implements Requests.
func (d DynamoRequests) Update(ctx context.Context, key lifecycle.Key, u lifecycle.Update) (lifecycle.Row, error) {
	attributes, err := d.update(ctx, rowKey(key, contract.SKMeta), u, types.ReturnValueAllNew)
	if err != nil {
		return lifecycle.Row{}, refused(u.Name, err)
	}
	return decodeRow(attributes)
}

func (d DynamoRequests) update(ctx context.Context, key item, u lifecycle.Update, want types.ReturnValue) (item, error) {
	e := newExpression()
	condition, changes := e.condition(u.When), e.changes(u)
	if e.err != nil {
		return nil, e.err
	}
	out, err := d.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &d.Table, Key: key,
		ConditionExpression:                 &condition,
		UpdateExpression:                    &changes,
		ExpressionAttributeNames:            e.names,
		ExpressionAttributeValues:           e.values,
		ReturnValues:                        want,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

func refused(write string, err error) error {
	if err == nil {
		return nil
	}
	failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	if !ok {
		return fmt.Errorf("%s: %w", write, err)
	}
	if len(failed.Item) == 0 {
		return &RefusedError{Write: write}
	}
	row, err := decodeRow(failed.Item)
	if err != nil {
		return fmt.Errorf("%s: %w", write, err)
	}
	return &RefusedError{Write: write, Row: row, Exists: true}
}

// Get implements Requests.
func (d DynamoRequests) Get(ctx context.Context, key lifecycle.Key) (lifecycle.Row, bool, error) {
	out, err := d.Client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &d.Table, Key: rowKey(key, contract.SKMeta), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return lifecycle.Row{}, false, fmt.Errorf("get request: %w", err)
	}
	if len(out.Item) == 0 {
		return lifecycle.Row{}, false, nil
	}
	row, err := decodeRow(out.Item)
	return row, true, err
}

// PutPayload implements Requests.
func (d DynamoRequests) PutPayload(ctx context.Context, key lifecycle.Key, hash []byte, payload string, expires time.Time) error {
	it, e := documentItem(key, payloadSK(hash), payload, expires), newExpression()
	_, err := d.Client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &d.Table, Item: it,
		ConditionExpression: aws.String("attribute_not_exists(" + e.name(contract.PK) + ") OR " +
			e.name(contract.TTL) + " < " + e.value(expires.Unix()) + " OR " + e.name(documentText) + " <> " + e.value(payload)),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	})
	if _, kept := errors.AsType[*types.ConditionalCheckFailedException](err); kept || err == nil {
		return nil
	}
	return fmt.Errorf("put payload: %w", err)
}

// PutState implements Requests.
func (d DynamoRequests) PutState(ctx context.Context, key lifecycle.Key, hash []byte, state string, expires time.Time) error {
	it := documentItem(key, stateSK(hash), state, expires)
	if _, err := d.Client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &d.Table, Item: it}); err != nil {
		return fmt.Errorf("put state: %w", err)
	}
	return nil
}

// Payload implements Requests.
func (d DynamoRequests) Payload(ctx context.Context, key lifecycle.Key, hash []byte) (string, error) {
	return d.document(ctx, "get payload", key, payloadSK(hash))
}

// State implements Requests.
func (d DynamoRequests) State(ctx context.Context, key lifecycle.Key, hash []byte) (string, error) {
	return d.document(ctx, "get state", key, stateSK(hash))
}

// Once implements Requests.
func (d DynamoRequests) Once(ctx context.Context, key lifecycle.Key, name string) (string, bool, error) {
	return perhaps(d.document(ctx, "get effect", key, onceSK(name)))
}

func (d DynamoRequests) document(ctx context.Context, what string, key lifecycle.Key, sk string) (string, error) {
	out, err := d.Client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &d.Table, Key: rowKey(key, sk), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	doc, err := documentOf(out.Item)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	return doc, nil
}

// PutOnce implements Requests.
func (d DynamoRequests) PutOnce(ctx context.Context, key lifecycle.Key, name, result string, expires time.Time) (string, error) {
	e := newExpression()
	_, err := d.Client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &d.Table, Item: documentItem(key, onceSK(name), result, expires),
		ConditionExpression:                 aws.String("attribute_not_exists(" + e.name(contract.PK) + ")"),
		ExpressionAttributeNames:            e.names,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return documentOf(failed.Item)
	}
	if err != nil {
		return "", fmt.Errorf("put effect: %w", err)
	}
	return result, nil
}

// Open implements Requests.
func (d DynamoRequests) Open(ctx context.Context, shard int, before time.Time, page string) ([]lifecycle.Row, string, error) {
	start, err := pageStart(page)
	if err != nil {
		return nil, "", err
	}
	e := newExpression()
	out, err := d.Client.Query(ctx, &dynamodb.QueryInput{
		TableName: &d.Table, IndexName: aws.String(contract.IndexOpen),
		KeyConditionExpression: aws.String(
			e.name(contract.OpenShard) + " = " + e.value(lifecycle.OpenShardKey(shard)) + " AND " +
				e.name(contract.CreatedAt) + " <= " + e.value(before.UnixMilli())),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		ExclusiveStartKey: start, Limit: aws.Int32(pageSize),
	})
	if err != nil {
		return nil, "", fmt.Errorf("list open requests: %w", err)
	}
	next, err := pageToken(out.LastEvaluatedKey)
	if err != nil {
		return nil, "", err
	}
	// The index has keys only and lags: the rows themselves decide.
	var rows []lifecycle.Row
	for _, keys := range out.Items {
		key, err := lifecycle.ParsePK(stringOf(keys[contract.PK]))
		if err != nil {
			return nil, "", err
		}
		row, exists, err := d.Get(ctx, key)
		if err != nil {
			return nil, "", err
		}
		if exists && !row.Status.Terminal() {
			rows = append(rows, row)
		}
	}
	return rows, next, nil
}

// ByUser implements Requests.
func (d DynamoRequests) ByUser(ctx context.Context, tenant, user string, after Position, most int) ([]lifecycle.Row, Position, error) {
	userKey := lifecycle.UserKey(tenant, user)
	e := newExpression()
	out, err := d.Client.Query(ctx, &dynamodb.QueryInput{
		TableName: &d.Table, IndexName: aws.String(contract.IndexByUser),
		KeyConditionExpression:   aws.String(e.name(contract.UserKey) + " = " + e.value(userKey)),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		ExclusiveStartKey: behind(tenant, userKey, after), ScanIndexForward: aws.Bool(false),
		Limit: aws.Int32(int32(most + 1)), // one more tells whether others follow
	})
	if err != nil {
		return nil, Position{}, fmt.Errorf("list requests of a user: %w", err)
	}
	var last Position
	entries := make([]Position, len(out.Items))
	for i, it := range out.Items {
		entry, err := decodeRow(it)
		if err != nil {
			return nil, Position{}, err
		}
		entries[i] = PositionOf(entry)
	}
	if len(entries) > most {
		entries = entries[:most]
		last = entries[most-1]
	}
	ids := make([]string, len(entries))
	for i, entry := range entries {
		ids[i] = entry.ID
	}
	stored, err := d.batch(ctx, tenant, ids)
	if err != nil {
		return nil, Position{}, err
	}
	var rows []lifecycle.Row
	for _, entry := range entries {
		// An id may have come again since the index heard of it: it has another place then.
		if row, exists := stored[entry.ID]; exists && row.UserKey == userKey && row.CreatedAt == entry.CreatedAt {
			rows = append(rows, row)
		}
	}
	return rows, last, nil
}

// behind is where a list of a user's requests goes on after a position.
func behind(tenant, userKey string, at Position) item {
	if at == (Position{}) {
		return nil
	}
	it := rowKey(lifecycle.Key{Tenant: tenant, ID: at.ID}, contract.SKMeta)
	it[contract.UserKey] = &types.AttributeValueMemberS{Value: userKey}
	it[contract.CreatedAt] = &types.AttributeValueMemberN{Value: fmt.Sprint(at.CreatedAt)}
	return it
}

// batch reads rows by their ids, consistently. What DynamoDB leaves out of its answer is
// read one by one, with the patience that such a read has.
func (d DynamoRequests) batch(ctx context.Context, tenant string, ids []string) (map[string]lifecycle.Row, error) {
	stored := map[string]lifecycle.Row{}
	if len(ids) == 0 {
		return stored, nil
	}
	keys := make([]item, len(ids))
	for i, id := range ids {
		keys[i] = rowKey(lifecycle.Key{Tenant: tenant, ID: id}, contract.SKMeta)
	}
	out, err := d.Client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
		RequestItems: map[string]types.KeysAndAttributes{d.Table: {Keys: keys, ConsistentRead: aws.Bool(true)}},
	})
	if err != nil {
		return nil, fmt.Errorf("get requests: %w", err)
	}
	for _, it := range out.Responses[d.Table] {
		row, err := decodeRow(it)
		if err != nil {
			return nil, err
		}
		stored[row.Key().ID] = row
	}
	for _, left := range out.UnprocessedKeys[d.Table].Keys {
		key, err := lifecycle.ParsePK(stringOf(left[contract.PK]))
		if err != nil {
			return nil, err
		}
		row, exists, err := d.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		if exists {
			stored[key.ID] = row
		}
	}
	return stored, nil
}

func stringOf(v types.AttributeValue) string {
	s, _ := v.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

// Day implements streamer.History.
func (d DynamoRequests) Day(ctx context.Context, tenant string, day time.Time, page string) ([]streamer.Summary, string, error) {
	start, err := pageStart(page)
	if err != nil {
		return nil, "", err
	}
	e := newExpression()
	out, err := d.Client.Query(ctx, &dynamodb.QueryInput{
		TableName: &d.Table, IndexName: aws.String(contract.IndexByTenant),
		KeyConditionExpression:   aws.String(e.name(contract.TenantDay) + " = " + e.value(lifecycle.TenantDay(tenant, day))),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		ExclusiveStartKey: start,
	})
	if err != nil {
		return nil, "", fmt.Errorf("list requests of %s: %w", day.Format(time.DateOnly), err)
	}
	rows := make([]streamer.Summary, len(out.Items))
	for i, it := range out.Items {
		if rows[i], err = summary(it); err != nil {
			return nil, "", err
		}
	}
	next, err := pageToken(out.LastEvaluatedKey)
	return rows, next, err
}

// DynamoConnections is the connections table in DynamoDB.
type DynamoConnections struct {
	Client *dynamodb.Client
	Table  string
}

var _ Connections = DynamoConnections{}

// Put implements Connections.
func (d DynamoConnections) Put(ctx context.Context, c Connection) error {
	it, err := attributevalue.MarshalMap(c)
	if err != nil {
		return fmt.Errorf("encode connection: %w", err)
	}
	if _, err := d.Client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &d.Table, Item: it}); err != nil {
		return fmt.Errorf("put connection: %w", err)
	}
	return nil
}

// Get implements Connections.
func (d DynamoConnections) Get(ctx context.Context, id string) (Connection, bool, error) {
	out, err := d.Client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &d.Table, Key: connectionKey(id), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return Connection{}, false, fmt.Errorf("get connection: %w", err)
	}
	if len(out.Item) == 0 {
		return Connection{}, false, nil
	}
	var c Connection
	if err := attributevalue.UnmarshalMap(out.Item, &c); err != nil {
		return Connection{}, false, fmt.Errorf("decode connection: %w", err)
	}
	return c, true, nil
}

// Delete implements Connections.
func (d DynamoConnections) Delete(ctx context.Context, id string) error {
	_, err := d.Client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &d.Table, Key: connectionKey(id)})
	if err != nil {
		return fmt.Errorf("delete connection: %w", err)
	}
	return nil
}

// Survey counts the connections that have not run out at now, and finds up to most of those
// whose token has. It reads the whole table, a page of 1 MB at a time, eventually consistent,
// and is sent only what has run out. What has run out before its token, because API Gateway
// keeps no connection that long, is neither: it has ended, and the table forgets it.
func (d DynamoConnections) Survey(ctx context.Context, now time.Time, most int) (live int, expired []string, err error) {
	pages := dynamodb.NewScanPaginator(d.Client, &dynamodb.ScanInput{
		TableName: &d.Table, FilterExpression: aws.String("#e <= :now OR #t <= :now"), ProjectionExpression: aws.String("#c, #t"),
		ExpressionAttributeNames:  map[string]string{"#e": contract.ExpiresAt, "#c": contract.ConnectionID, "#t": contract.TokenExpires},
		ExpressionAttributeValues: item{":now": &types.AttributeValueMemberN{Value: strconv.FormatInt(now.Unix(), 10)}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, nil, fmt.Errorf("survey connections: %w", err)
		}
		live += int(page.ScannedCount - page.Count)
		for _, it := range page.Items {
			var c Connection
			if err := attributevalue.UnmarshalMap(it, &c); err != nil {
				return 0, nil, fmt.Errorf("decode connection: %w", err)
			}
			if c.TokenExpires <= now.Unix() && len(expired) < most {
				expired = append(expired, c.ID)
			}
		}
	}
	return live, expired, nil
}

func connectionKey(id string) item {
	return item{contract.ConnectionID: &types.AttributeValueMemberS{Value: id}}
}
