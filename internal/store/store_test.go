package store_test

import (
	"context"
	"crypto/rand"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/outputs"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/internal/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Exercise(t, func(*testing.T) store.Requests { return store.NewMemory() })
}

func TestDynamo(t *testing.T) {
	client, table := stage(t, contract.OutputRequestsTable)
	storetest.Exercise(t, func(*testing.T) store.Requests { return store.DynamoRequests{Client: client, Table: table} })
}

func TestDynamoConnections(t *testing.T) {
	client, table := stage(t, contract.OutputConnectionsTable)
	storetest.ExerciseConnections(t, func(*testing.T) store.Connections {
		return store.DynamoConnections{Client: client, Table: table}
	})
}

func TestConnectionsThatRanOutAreNotLive(t *testing.T) {
	client, table := stage(t, contract.OutputConnectionsTable)
	connections := store.DynamoConnections{Client: client, Table: table}
	now := time.Now()
	count := func() int {
		t.Helper()
		n, err := connections.Live(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	for id, expires := range map[string]time.Time{"live": now.Add(time.Minute), "over": now.Add(-time.Minute), "just now": now} {
		c := store.Connection{ID: rand.Text() + id, Tenant: "t", User: "u", UserKey: "k", ExpiresAt: expires.Unix()}
		if err := connections.Put(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := connections.Delete(context.WithoutCancel(t.Context()), c.ID); err != nil {
				t.Error(err)
			}
		}()
	}
	if got := count(); got != before+1 {
		t.Errorf("%d more, want the one that has not run out", got-before)
	}
}

// stage is the local stage's DynamoDB, and the name of one of its tables.
func stage(t *testing.T, output string) (*dynamodb.Client, string) {
	t.Helper()
	file := os.Getenv(outputs.Variable)
	if file == "" || os.Getenv("AWS_ENDPOINT_URL") == "" {
		t.Skip("needs the local stage: STREAMER_OUTPUTS and AWS_ENDPOINT_URL are not both set")
	}
	stack, err := outputs.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	table, err := stack.Need(output)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return dynamodb.NewFromConfig(cfg), table
}
