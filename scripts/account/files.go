package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/protocol"
)

// missingUpload refers to a document that was announced and never uploaded.
func missingUpload(ctx context.Context, s *stage) (answer, error) {
	c, err := s.dial(ctx)
	if err != nil {
		return answer{}, err
	}
	defer c.CloseNow()
	announced, err := c.ask(ctx, protocol.Message{
		Action: protocol.ActionUpload, ID: "u",
		Payload: json.RawMessage(`{"size":40000,"sha256":"` + strings.Repeat("ab", 32) + `"}`),
	})
	if err != nil {
		return answer{}, err
	}
	if announced.PayloadRef == "" {
		return answer{}, fmt.Errorf("the upload was answered with %s", announced.raw)
	}
	m, err := c.ask(ctx, protocol.Message{Action: "echo_async", ID: "r", PayloadRef: announced.PayloadRef})
	if err != nil {
		return answer{}, err
	}
	return answer{"answered with " + m.raw, m.Code == protocol.NotFound}, nil
}

// encryption says whose keys there are, makes a report and fetches it.
func encryption(ctx context.Context, s *stage) (answer, error) {
	connections, err1 := s.Stack.Need(contract.OutputConnectionsTable)
	requests, err2 := s.Stack.Need(contract.OutputRequestsTable)
	bucket, err3 := s.Stack.Need(contract.OutputFilesBucket)
	work, err4 := s.Stack.Need(contract.OutputWorkQueueURL)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return answer{}, err
	}
	var seen []string
	tables := dynamodb.NewFromConfig(s.Config)
	for _, name := range []string{connections, requests} {
		got, err := tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
		if err != nil {
			return answer{}, err
		}
		key := "AWS's own"
		if sse := got.Table.SSEDescription; sse != nil && sse.KMSMasterKeyArn != nil {
			key = *sse.KMSMasterKeyArn
		}
		seen = append(seen, "table "+name+": "+key)
	}
	queue, err := sqs.NewFromConfig(s.Config).GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &work, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		return answer{}, err
	}
	seen = append(seen, "queue: "+orOwn(queue.Attributes["KmsMasterKeyId"]))
	rules, err := s3.NewFromConfig(s.Config).GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &bucket})
	if err != nil {
		return answer{}, err
	}
	for _, r := range rules.ServerSideEncryptionConfiguration.Rules {
		if d := r.ApplyServerSideEncryptionByDefault; d != nil && d.KMSMasterKeyID != nil {
			seen = append(seen, "bucket: "+*d.KMSMasterKeyID)
		} else {
			seen = append(seen, "bucket: AWS's own")
		}
	}
	status, err := s.report(ctx)
	if err != nil {
		return answer{}, err
	}
	seen = append(seen, fmt.Sprintf("the report's link answers %d", status))
	return answer{strings.Join(seen, "; "), status == http.StatusOK}, nil
}

func orOwn(key string) string {
	if key == "" {
		return "AWS's own"
	}
	return key
}

// report makes one and fetches it by its link.
func (s *stage) report(ctx context.Context) (status int, err error) {
	c, err := s.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer c.CloseNow()
	id, err := c.submit(ctx, "g", "generate_report", `{"start_date":"2026-01-01","end_date":"2026-01-31"}`)
	if err != nil {
		return 0, err
	}
	m, err := c.end(ctx, id)
	if err != nil {
		return 0, err
	}
	get, err := http.NewRequestWithContext(ctx, http.MethodGet, m.Result.URL, nil)
	if err != nil || m.Result.URL == "" {
		return 0, fmt.Errorf("no link in a %s frame with code %q", m.Type, m.Code)
	}
	response, err := http.DefaultClient.Do(get)
	if err != nil {
		return 0, errors.New("the link cannot be fetched") // the error's text has the link
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}
