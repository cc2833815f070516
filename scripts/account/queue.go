package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// oldHandle receives a message twice and deletes it with the handle of the first time.
func oldHandle(ctx context.Context, s *stage) (a answer, err error) {
	client := sqs.NewFromConfig(s.Config)
	created, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName:  aws.String(fmt.Sprint("streamer-account-probe-", time.Now().Unix())),
		Attributes: map[string]string{"VisibilityTimeout": "1"},
	})
	if err != nil {
		return a, err
	}
	url := created.QueueUrl
	defer func() {
		if _, gone := client.DeleteQueue(context.WithoutCancel(ctx), &sqs.DeleteQueueInput{QueueUrl: url}); err == nil {
			err = gone
		}
	}()
	if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("probe")}); err != nil {
		return a, err
	}
	receive := func(visibility int32) (handle *string, err error) {
		got, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 10, VisibilityTimeout: visibility})
		if err != nil || len(got.Messages) == 0 {
			return nil, err
		}
		return got.Messages[0].ReceiptHandle, nil
	}
	first, err := receive(1)
	if err != nil {
		return a, err
	}
	second, err := receive(5)
	if err != nil {
		return a, err
	}
	if first == nil || second == nil {
		return a, fmt.Errorf("the message was not delivered twice")
	}
	_, deleted := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: first})
	third, err := receive(1)
	if err != nil {
		return a, err
	}
	a.agrees = third != nil
	a.seen = fmt.Sprintf("the delete was answered with %q, and the message came again: %t", outcome(deleted), a.agrees)
	return a, nil
}
