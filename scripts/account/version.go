package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// oldVersion deletes a version of a function that runs.
func oldVersion(ctx context.Context, s *stage) (answer, error) {
	return s.withApparatus(ctx, func(outputs map[string]string) (a answer, err error) {
		client, name := lambda.NewFromConfig(s.Config), outputs["Function"]
		published, err := client.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: &name})
		if err != nil {
			return a, err
		}
		var ended *lambda.InvokeOutput
		var failed error
		end := make(chan struct{})
		go func() {
			defer close(end)
			ended, failed = client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, Qualifier: published.Version, Payload: []byte(`{"sleep":30}`)})
		}()
		time.Sleep(10 * time.Second) // it runs by then
		_, err = client.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &name, Qualifier: published.Version})
		<-end
		if err != nil {
			return a, err
		}
		if failed != nil {
			return answer{fmt.Sprintf("the run ended with %v", failed), false}, nil
		}
		a.agrees = ended.FunctionError == nil
		a.seen = fmt.Sprintf("the run ended with %s %s", ended.Payload, aws.ToString(ended.FunctionError))
		return a, nil
	})
}
