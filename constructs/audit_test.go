package constructs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

// With an audit log, who writes it is told so, and its logs are kept; the rest stays as it is.
func TestAuditLog(t *testing.T) {
	for _, c := range []struct {
		props        constructs.StreamerProps
		days, policy string
	}{
		{constructs.StreamerProps{Audit: &constructs.AuditProps{}}, "365", "Retain"},
		{constructs.StreamerProps{Audit: &constructs.AuditProps{}, LogRetention: awslogs.RetentionDays_TEN_YEARS}, "3653", "Retain"},
		{constructs.StreamerProps{Audit: &constructs.AuditProps{Retention: awslogs.RetentionDays_SIX_MONTHS}, RemovalPolicy: awscdk.RemovalPolicy_DESTROY}, "180", "Delete"},
	} {
		c.props.Workers = []constructs.WorkerProps{{Name: "images", Actions: []string{"resize"}}}
		tpl := synth(t, nil, &c.props)
		for name, audited := range map[string]bool{
			"Router": true, "Processor": true, "WorkersimagesProcessor": true, "Authorizer": false, "Dispatcher": false, "Reconciler": false,
		} {
			logs, variable := tpl.Resources[name+"Logs"], `null`
			if audited {
				variable = `"1"`
				tpl.check(t, name+"Logs", map[string]string{"RetentionInDays": c.days})
			}
			if got := logs.DeletionPolicy; audited && got != c.policy || !audited && got != "Delete" {
				t.Errorf("%s: deletion policy of logs %s", name, got)
			}
			tpl.check(t, name+"Function", map[string]string{"Environment.Variables.STREAMER_AUDIT": variable})
		}
	}
	stack := awscdk.NewStack(newApp(t, nil), jsii.String("Dev"), nil)
	s := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Audit: &constructs.AuditProps{}, Workers: []constructs.WorkerProps{{Name: "images", Actions: []string{"resize"}}}})
	var in []string
	for _, group := range s.AuditLogs() {
		in = append(in, strings.TrimPrefix(*group.Node().Path(), "Dev/Streamer/"))
	}
	if got := fmt.Sprint(in); got != "[Router/Logs Processor/Logs Workers/images/Processor/Logs]" {
		t.Errorf("the audit logs are %s", got)
	}
	without := constructs.NewStreamer(stack, "Without", nil)
	if got := without.AuditLogs(); got != nil {
		t.Errorf("without an audit log: %v", got)
	}
}
