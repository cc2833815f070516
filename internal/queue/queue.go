// Package queue carries hints: messages that say which request to look at, and nothing
// that anyone would have to believe.
package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/pay-theory/streamer/internal/lifecycle"
)

// Limits of SQS (Amazon SQS developer guide, "Amazon SQS message quotas").
const (
	batchSize     = 10
	maxVisibility = 12 * time.Hour
)

// traceHeader is the form of an X-Ray trace header (X-Ray developer guide, "Tracing
// header"). SQS takes no other, so one that is not would keep its request from ever
// getting a hint.
var traceHeader = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([A-Za-z]+=[!-:<-~]+;)*Root=1-[0-9a-f]{8}-[0-9a-f]{24}(;[A-Za-z]+=[!-:<-~]+)*$`)
})

// Hint says that a request may want work.
type Hint struct {
	Key lifecycle.Key
	// Action decides which queue it goes to; it does not travel.
	Action string
	// Trace is an X-Ray trace header; anything else is left out.
	Trace string
}

type body struct {
	V         int    `json:"v"`
	Tenant    string `json:"tenant"`
	RequestID string `json:"request_id"`
}

// Encode writes a hint's message body.
func Encode(key lifecycle.Key) (string, error) {
	b, err := json.Marshal(body{V: 1, Tenant: key.Tenant, RequestID: key.ID})
	if err != nil {
		return "", fmt.Errorf("encode hint: %w", err)
	}
	return string(b), nil
}

// Decode reads a hint's message body.
func Decode(s string) (lifecycle.Key, error) {
	var b body
	if err := json.Unmarshal([]byte(s), &b); err != nil {
		return lifecycle.Key{}, fmt.Errorf("decode hint: %w", err)
	}
	if b.V != 1 || b.Tenant == "" || !lifecycle.ValidID(b.RequestID) {
		return lifecycle.Key{}, fmt.Errorf("decode hint: not version 1 with a tenant and a request id: %.200q", s)
	}
	return lifecycle.Key{Tenant: b.Tenant, ID: b.RequestID}, nil
}

// Work is a work queue.
type Work struct {
	Client *sqs.Client
	URL    string
}

// Send puts hints into the queue, ten a call. An error means that some may not be there;
// sending all again is harmless.
func (w Work) Send(ctx context.Context, hints []Hint) error {
	for len(hints) > 0 {
		n := min(len(hints), batchSize)
		if err := w.sendBatch(ctx, hints[:n]); err != nil {
			return err
		}
		hints = hints[n:]
	}
	return nil
}

func (w Work) sendBatch(ctx context.Context, hints []Hint) error {
	entries := make([]types.SendMessageBatchRequestEntry, len(hints))
	for i, h := range hints {
		text, err := Encode(h.Key)
		if err != nil {
			return err
		}
		entries[i] = types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: &text}
		if traceHeader().MatchString(h.Trace) {
			entries[i].MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{
				string(types.MessageSystemAttributeNameForSendsAWSTraceHeader): {DataType: aws.String("String"), StringValue: &h.Trace},
			}
		}
	}
	out, err := w.Client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &w.URL, Entries: entries})
	if err != nil {
		return fmt.Errorf("send hints: %w", err)
	}
	if len(out.Failed) > 0 {
		f := out.Failed[0]
		return fmt.Errorf("send hints: %d of %d refused, the first with %s: %s",
			len(out.Failed), len(hints), aws.ToString(f.Code), aws.ToString(f.Message))
	}
	return nil
}

// Hold makes a message invisible to everyone else from now on for d, at most 12 hours.
// It fails if the message has been deleted or delivered again since.
func (w Work) Hold(ctx context.Context, handle string, d time.Duration) error {
	d = min(d, maxVisibility)
	seconds := int32((d + time.Second - 1) / time.Second) // never earlier than asked
	_, err := w.Client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &w.URL, ReceiptHandle: &handle, VisibilityTimeout: seconds,
	})
	if err != nil {
		return fmt.Errorf("hold message: %w", err)
	}
	return nil
}
