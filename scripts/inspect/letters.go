package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/queue"
)

const (
	// maxLetters is how many dead letters one run reads: far below the number that a
	// queue has hidden at most (Amazon SQS developer guide, "Amazon SQS message quotas").
	maxLetters = 1000
	// hidden is how long what was read stays hidden if nobody makes it visible again.
	hidden = 2 * time.Minute
	// letterBatch is how many messages one call takes.
	letterBatch = 10
	// releaseTime bounds making the letters visible again, also of a run that was
	// interrupted.
	releaseTime = 10 * time.Second
)

// letter is one dead letter.
type letter struct {
	message string // its id
	handle  string
	body    string
	// key names its request, unless unreadable says why nobody can tell.
	key        lifecycle.Key
	unreadable error
	sent       time.Time
	received   int
}

// deadLetters is the dead-letter queue.
type deadLetters struct {
	client *sqs.Client
	url    string
}

// hiddenNow is about how many letters someone else is reading.
func (d deadLetters) hiddenNow(ctx context.Context) (int, error) {
	out, err := d.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &d.url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessagesNotVisible},
	})
	if err != nil {
		return 0, fmt.Errorf("look at the dead-letter queue: %w", err)
	}
	n, err := strconv.Atoi(out.Attributes[string(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible)])
	if err != nil {
		return 0, fmt.Errorf("look at the dead-letter queue: %w", err)
	}
	return n, nil
}

// read takes letters from the queue, maxLetters at most, and hides them. What it returns
// must be released or deleted, also if it fails.
func (d deadLetters) read(ctx context.Context) (all []letter, more bool, err error) {
	at := map[string]int{} // by message: a queue may give one twice
	for len(all) < maxLetters {
		out, err := d.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &d.url, MaxNumberOfMessages: letterBatch, VisibilityTimeout: int32(hidden / time.Second),
			WaitTimeSeconds: 1, // asks all of the queue's servers, so that nothing means nothing
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{
				types.MessageSystemAttributeNameSentTimestamp, types.MessageSystemAttributeNameApproximateReceiveCount,
			},
		})
		if err != nil {
			return all, false, fmt.Errorf("read the dead-letter queue: %w", err)
		}
		if len(out.Messages) == 0 {
			return all, false, nil
		}
		for _, m := range out.Messages {
			l := decode(m)
			if i, again := at[l.message]; again {
				all[i] = l // the newest handle counts
				continue
			}
			at[l.message] = len(all)
			all = append(all, l)
		}
	}
	return all, true, nil
}

func decode(m types.Message) letter {
	l := letter{message: aws.ToString(m.MessageId), handle: aws.ToString(m.ReceiptHandle), body: aws.ToString(m.Body)}
	l.key, l.unreadable = queue.Decode(l.body)
	// What SQS says of a message are numbers; anything else is shown as unknown.
	if ms, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64); err == nil {
		l.sent = time.UnixMilli(ms)
	}
	if n, err := strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)]); err == nil {
		l.received = n
	}
	return l
}

// delete takes one letter out of the queue for good.
func (d deadLetters) delete(ctx context.Context, l letter) error {
	if _, err := d.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &d.url, ReceiptHandle: &l.handle}); err != nil {
		return fmt.Errorf("delete dead letter %s: %w", l.message, err)
	}
	return nil
}

// release makes letters visible again. It does so for an interrupted run too.
func (d deadLetters) release(ctx context.Context, letters []letter) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	var failed error
	for from := 0; from < len(letters); from += letterBatch {
		batch := letters[from:min(from+letterBatch, len(letters))]
		entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(batch))
		for i, l := range batch {
			entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(l.handle)}
		}
		out, err := d.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &d.url, Entries: entries})
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("make dead letters visible again: %w", err))
		} else if len(out.Failed) > 0 {
			failed = errors.Join(failed, fmt.Errorf("make dead letters visible again: %d of %d refused, the first with %s: %s",
				len(out.Failed), len(batch), aws.ToString(out.Failed[0].Code), aws.ToString(out.Failed[0].Message)))
		}
	}
	return failed
}
