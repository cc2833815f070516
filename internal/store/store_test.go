package store_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/pay-theory/streamer/internal/contract"
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

// stage is the local stage's DynamoDB, and the name of one of its tables.
func stage(t *testing.T, output string) (*dynamodb.Client, string) {
	t.Helper()
	file := os.Getenv("STREAMER_OUTPUTS")
	if file == "" || os.Getenv("AWS_ENDPOINT_URL") == "" {
		t.Skip("needs the local stage: STREAMER_OUTPUTS and AWS_ENDPOINT_URL are not both set")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var stacks map[string]map[string]string
	if err := json.Unmarshal(b, &stacks); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, outputs := range stacks {
		if table := outputs[output]; table != "" {
			return dynamodb.NewFromConfig(cfg), table
		}
	}
	t.Fatalf("no stack in %s has the output %s", file, output)
	return nil, ""
}
