package store_test

import (
	"os"
	"testing"

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
