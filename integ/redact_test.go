package integ_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/remote"
)

// TestRedactedPayloadsGo looks for the payload of an action that has it redacted, in all that
// a stage keeps of its request, while that is open and after its end.
func TestRedactedPayloadsGo(t *testing.T) {
	t.Parallel()
	local(t, "a table and a bucket that the test may read")
	for name, c := range map[string]struct {
		size, places int
		cancel       bool
	}{
		"in the row": {20, 1, true}, "beside it": {1_000, 1, false}, "in the bucket": {26_000, 1, true}, "uploaded": {60_000, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, secret := fresh(), "secret-"+strings.ToLower(rand.Text())
			m := protocol.Message{Action: "hand_over", Payload: object(t, handlers.HandOverIn{
				SilenceMS: patience.Milliseconds(), Work: object(t, secret+strings.Repeat("x", c.size)),
			})}
			j := &job{t: t, c: dial(t, u)}
			if len(m.Payload) > protocol.MaxMessage {
				upload := j.c.announce(t, m.Payload)
				put(t, upload, m.Payload)
				m.PayloadRef, m.Payload = upload.PayloadRef, nil
			}
			j.key = lifecycle.Key{Tenant: u.tenant, ID: as[protocol.Accepted](t, j.c.ask(t, m)).RequestID}
			j.nextTicket()
			if found := keeping(t, j.key, secret); len(found) != c.places {
				t.Fatalf("while it is open the payload is in %v", found)
			}
			if c.cancel {
				j.c.about(t, protocol.ActionCancel, j.key.ID)
				_ = remote.Report(t.Context(), remote.Config{AWS: asRole(t, remoteRole)}, j.ticket, 50, "it is told then") // of the cancel
			} else if err := remote.Complete(t.Context(), remote.Config{AWS: asRole(t, remoteRole)}, j.ticket, "done"); err != nil {
				t.Fatal(err)
			}
			j.c.end(t, j.key.ID)
			var found []string
			for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
				if found = keeping(t, j.key, secret); len(found) == 0 {
					return
				}
			}
			t.Errorf("after its end the payload is in %v", found)
		})
	}
}

// keeping lists where a word stands: in the items of a request, or the objects of its tenant.
func keeping(t *testing.T, key lifecycle.Key, word string) (places []string) {
	t.Helper()
	cfg, outputs := awsConfig(t), outputsOf(t)
	items, err := dynamodb.NewFromConfig(cfg).Query(t.Context(), &dynamodb.QueryInput{
		TableName: aws.String(outputs[contract.OutputRequestsTable]), ConsistentRead: aws.Bool(true),
		KeyConditionExpression: aws.String(contract.PK + " = :pk"), ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: key.PK()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(items.Items) == 0 {
		t.Fatal("the request is not there")
	}
	for _, item := range items.Items {
		for name, value := range item {
			if text, ok := value.(*types.AttributeValueMemberS); ok && strings.Contains(text.Value, word) {
				places = append(places, fmt.Sprint(name, " of ", item[contract.SK]))
			}
		}
	}
	bucket, client := aws.String(outputs[contract.OutputFilesBucket]), s3.NewFromConfig(cfg)
	objects, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String(contract.FilesPrefix + key.Tenant + "/")})
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects.Contents {
		out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: object.Key})
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(out.Body)
		out.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), word) {
			places = append(places, *object.Key)
		}
	}
	return places
}
