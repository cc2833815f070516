package store

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
)

type item = map[string]types.AttributeValue

var errNoDocument = errors.New("it is not there")

func decodeRow(it item) (lifecycle.Row, error) {
	var row lifecycle.Row
	if err := attributevalue.UnmarshalMap(it, &row); err != nil {
		return row, fmt.Errorf("decode request row: %w", err)
	}
	return row, nil
}

func rowKey(key lifecycle.Key, sk string) item {
	return item{
		contract.PK: &types.AttributeValueMemberS{Value: key.PK()},
		contract.SK: &types.AttributeValueMemberS{Value: sk},
	}
}

// The sort keys of what is kept beside a row.
func payloadSK(hash []byte) string { return contract.SKPayload + "#" + hex.EncodeToString(hash) }
func stateSK(hash []byte) string   { return contract.SKCheckpoint + "#" + hex.EncodeToString(hash) }
func onceSK(name string) string    { return contract.SKOnce + "#" + name }

// documentText is the attribute that a document is in.
const documentText = "payload"

func documentItem(key lifecycle.Key, sk, doc string, expires time.Time) item {
	it := rowKey(key, sk)
	it[documentText] = &types.AttributeValueMemberS{Value: doc}
	it[contract.TTL] = &types.AttributeValueMemberN{Value: fmt.Sprint(expires.Unix())}
	return it
}

func documentOf(it item) (string, error) {
	s, ok := it[documentText].(*types.AttributeValueMemberS)
	if !ok {
		return "", errNoDocument
	}
	return s.Value, nil
}

// perhaps is for a document that need not be there.
func perhaps(doc string, err error) (string, bool, error) {
	if errors.Is(err, errNoDocument) {
		return "", false, nil
	}
	return doc, err == nil, err
}

func summary(it item) (streamer.Summary, error) {
	row, err := decodeRow(it)
	if err != nil {
		return streamer.Summary{}, err
	}
	return streamer.Summary{
		ID: row.Key().ID, Action: row.Action, User: row.User, Status: row.Status,
		CreatedAt: instant(row.CreatedAt), StartedAt: instant(row.StartedAt), EndedAt: instant(row.EndedAt),
		Attempt: row.Attempt, Code: row.Code,
	}, nil
}

func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// A page's token is the key of its last item, which has strings and numbers only.
func pageToken(last item) (string, error) {
	if len(last) == 0 {
		return "", nil
	}
	plain := map[string]any{}
	if err := attributevalue.UnmarshalMap(last, &plain); err != nil {
		return "", fmt.Errorf("encode page token: %w", err)
	}
	b, err := json.Marshal(plain)
	if err != nil {
		return "", fmt.Errorf("encode page token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

func pageStart(token string) (item, error) {
	if token == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, fmt.Errorf("decode page token: %w", err)
	}
	plain := map[string]any{}
	if err := json.Unmarshal(b, &plain); err != nil {
		return nil, fmt.Errorf("decode page token: %w", err)
	}
	if len(plain) == 0 {
		return nil, errors.New("decode page token: no key in it")
	}
	start, err := attributevalue.MarshalMap(plain)
	if err != nil {
		return nil, fmt.Errorf("decode page token: %w", err)
	}
	return start, nil
}
