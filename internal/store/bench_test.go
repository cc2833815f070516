package store_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
)

// claimed is what DynamoDB answers to a claim.
const claimed = `{"Attributes":{"pk":{"S":"T#acme#R#01JGH00000000000000000000A"},"sk":{"S":"META"},"action":{"S":"work"},"user":{"S":"ann"},
"status":{"S":"PROCESSING"},"attempt":{"N":"1"},"max_attempts":{"N":"3"},"fence":{"N":"1"},"carrier":{"S":"m"},"owner":{"S":"o"},
"created_at":{"N":"1768857208012"},"started_at":{"N":"1768857208112"},"lease_until":{"N":"1768857238112"},"deadline_at":{"N":"4102444800000"},
"payload":{"S":"{\"start_date\":\"2024-01-01\"}"},"watchers":{"SS":["e_4sOfGfIAMCJ7w="]},"tenant_day":{"S":"T#acme#D#2026-01-19"},"user_key":{"S":"T#acme#U#ann"}}}`

type answers string

// Do implements the SDK's HTTP client.
func (a answers) Do(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(strings.NewReader(string(a)))}, nil
}

// BenchmarkClaim is all that a claim costs this side of the network: expression, signature,
// encoding, and the row that comes back.
func BenchmarkClaim(b *testing.B) {
	requests := store.DynamoRequests{Table: "requests", Client: dynamodb.New(dynamodb.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), HTTPClient: answers(claimed), Retryer: aws.NopRetryer{},
	})}
	key := lifecycle.Key{Tenant: "acme", ID: "01JGH00000000000000000000A"}
	b.ReportAllocs()
	for b.Loop() {
		row, err := requests.Update(b.Context(), key, lifecycle.Claim("m", "o", time.Now(), 30*time.Second))
		if err != nil || row.Fence != 1 || len(row.Watchers) != 1 {
			b.Fatalf("%+v, err %v", row, err)
		}
	}
}
