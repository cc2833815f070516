package store_test

import (
	"context"
	"crypto/rand"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/outputs"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/internal/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Exercise(t, func(*testing.T) store.Requests { return store.NewMemory() })
	storetest.ExerciseLedgers(t, func(*testing.T) storetest.Table { return store.NewMemory() })
}

func TestDynamo(t *testing.T) {
	client, table := stage(t, contract.OutputRequestsTable)
	storetest.Exercise(t, func(*testing.T) store.Requests { return store.DynamoRequests{Client: client, Table: table} })
	storetest.ExerciseLedgers(t, func(*testing.T) storetest.Table { return store.DynamoRequests{Client: client, Table: table} })
}

// A payload that is put again for less time lives as long as it was to, but another one in its
// place has its own.
func TestPayloadIsKeptForTheLongerTime(t *testing.T) {
	client, table := stage(t, contract.OutputRequestsTable)
	requests := store.DynamoRequests{Client: client, Table: table}
	key, now := lifecycle.Key{Tenant: "t" + rand.Text(), ID: lifecycle.NoID}, time.Now().Truncate(time.Second)
	for _, c := range []struct {
		payload    string
		puts, want time.Duration
	}{{`"a"`, 2 * time.Hour, 2 * time.Hour}, {`"a"`, time.Hour, 2 * time.Hour}, {`"a"`, 3 * time.Hour, 3 * time.Hour}, {"null", time.Hour, time.Hour}} {
		if err := requests.PutPayload(t.Context(), key, []byte{1}, c.payload, now.Add(c.puts)); err != nil {
			t.Fatal(err)
		}
		out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: map[string]types.AttributeValue{
			contract.PK: &types.AttributeValueMemberS{Value: key.PK()}, contract.SK: &types.AttributeValueMemberS{Value: contract.SKPayload + "#01"},
		}})
		if err != nil {
			t.Fatal(err)
		}
		ttl, _ := out.Item[contract.TTL].(*types.AttributeValueMemberN)
		if kept, err := requests.Payload(t.Context(), key, []byte{1}); err != nil || kept != c.payload || ttl == nil || ttl.Value != strconv.FormatInt(now.Add(c.want).Unix(), 10) {
			t.Errorf("%s for %s: %s is kept, err %v: %v, want %s", c.payload, c.puts, kept, err, ttl, c.want)
		}
	}
}

func TestDynamoConnections(t *testing.T) {
	client, table := stage(t, contract.OutputConnectionsTable)
	storetest.ExerciseConnections(t, func(*testing.T) store.Connections {
		return store.DynamoConnections{Client: client, Table: table}
	})
}

func TestSurveyOfConnections(t *testing.T) {
	client, table := stage(t, contract.OutputConnectionsTable)
	connections := store.DynamoConnections{Client: client, Table: table}
	now := time.Now().Add(48 * time.Hour) // so that the stage's own reconciler takes none of them for expired
	mine := "survey" + rand.Text()
	survey := func(most int) (live int, expired []string) {
		t.Helper()
		live, expired, err := connections.Survey(t.Context(), now, most)
		if err != nil {
			t.Fatal(err)
		}
		return live, expired
	}
	before, _ := survey(0)
	for id, ends := range map[string]struct{ row, token time.Duration }{
		"live": {time.Minute, time.Minute}, "over": {-time.Minute, -time.Minute}, "just now": {}, "two hours": {-time.Minute, time.Hour},
		"to be closed": {time.Minute, -time.Minute},
	} {
		c := store.Connection{ID: mine + id, Tenant: "t", User: "u", UserKey: "k", ExpiresAt: now.Add(ends.row).Unix(), TokenExpires: now.Add(ends.token).Unix()}
		if err := connections.Put(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := connections.Delete(context.WithoutCancel(t.Context()), c.ID); err != nil {
				t.Error(err)
			}
		}()
	}
	live, expired := survey(1_000_000)
	if live != before+1 {
		t.Errorf("%d more live, want the one that has not run out", live-before)
	}
	expired = slices.DeleteFunc(expired, func(id string) bool { return !strings.HasPrefix(id, mine) })
	slices.Sort(expired)
	if want := []string{mine + "just now", mine + "over", mine + "to be closed"}; !slices.Equal(expired, want) {
		t.Errorf("their token has run out: %q, want %q", expired, want)
	}
	if _, expired := survey(1); len(expired) != 1 {
		t.Errorf("%d are found, where one was asked for", len(expired))
	}
}

// The count is right at each step of a user's connections. The one that was cut without a word
// counts until a post finds it gone, or else until it has run out.
func TestSurveyFollowsConnections(t *testing.T) {
	client, table := stage(t, contract.OutputConnectionsTable)
	connections := store.DynamoConnections{Client: client, Table: table}
	now, mine := time.Now().Add(48*time.Hour), "follow"+rand.Text()
	count := func() int {
		t.Helper()
		live, _, err := connections.Survey(t.Context(), now, 0)
		if err != nil {
			t.Fatal(err)
		}
		return live
	}
	connect := func(n string) {
		t.Helper()
		c := store.Connection{ID: mine + n, Tenant: "t", User: "u", UserKey: lifecycle.UserKey("t", mine), ConnectedAt: now.UnixMilli(), ExpiresAt: now.Add(time.Hour).Unix(), TokenExpires: now.Add(time.Hour).Unix()}
		if err := connections.Put(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	forget := func(n string) {
		t.Helper()
		if err := connections.Delete(context.WithoutCancel(t.Context()), mine+n); err != nil {
			t.Error(err)
		}
	}
	before := count()
	defer func() {
		for _, n := range []string{"1", "2", "3"} {
			forget(n)
		}
	}()
	for _, step := range []struct {
		what string
		do   func()
		want int
	}{
		{"opened", func() { connect("1") }, 1},
		{"opened again, before the end of the other is told", func() { connect("2") }, 2},
		{"the other closed, or found gone by a post", func() { forget("1") }, 1},
		{"closed twice", func() { forget("1") }, 1},
		{"only run out", func() { now = now.Add(time.Hour) }, 0},
		{"come back meanwhile", func() { connect("3") }, 1},
		{"deleted, as its TTL asks", func() { forget("2") }, 1},
		{"run out and deleted", func() { now = now.Add(2 * time.Hour); forget("3") }, 0},
	} {
		if step.do(); count() != before+step.want {
			t.Errorf("%s: %d, want %d", step.what, count()-before, step.want)
		}
	}
}

// TestDynamoLeavesRowsOut: a batch may be answered in part, which the emulator never does.
func TestDynamoLeavesRowsOut(t *testing.T) {
	client, table := stage(t, contract.OutputRequestsTable)
	left := 0
	leaveOut := middleware.DeserializeMiddlewareFunc("LeaveOut", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
		out, meta, err := next.HandleDeserialize(ctx, in)
		if batch, is := out.Result.(*dynamodb.BatchGetItemOutput); is && err == nil {
			rows := batch.Responses[table]
			keys := make([]map[string]types.AttributeValue, len(rows)/2)
			for i := range keys {
				keys[i] = map[string]types.AttributeValue{contract.PK: rows[i][contract.PK], contract.SK: rows[i][contract.SK]}
			}
			left += len(keys)
			batch.Responses[table] = rows[len(keys):]
			batch.UnprocessedKeys = map[string]types.KeysAndAttributes{table: {Keys: keys}}
		}
		return out, meta, err
	})
	partly := dynamodb.New(client.Options(), func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error { return stack.Deserialize.Add(leaveOut, middleware.Before) })
	})
	storetest.ExerciseByUser(t, store.DynamoRequests{Client: partly, Table: table})
	if left == 0 {
		t.Error("nothing was left out")
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
