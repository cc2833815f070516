package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

func TestOnlyAMarkedStageMayBeFilled(t *testing.T) {
	for tags, want := range map[string]string{
		`<member><Key>demo-data</Key><Value>allowed</Value></member>`: "",
		`<member><Key>demo-data</Key><Value>no</Value></member>`:      "not tagged demo-data = allowed",
		``: "not tagged demo-data = allowed",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>S</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime>`+
				`<StackStatus>CREATE_COMPLETE</StackStatus><Tags>%s</Tags></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`, tags)
		}))
		client := cloudformation.New(cloudformation.Options{
			Region: "us-east-1", BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		})
		err := mayBeFilled(t.Context(), client, "S")
		server.Close()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("tags %q: got %v", tags, err)
		}
	}
}
