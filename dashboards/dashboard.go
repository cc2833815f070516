package dashboards

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	streamer "github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/internal/contract"
)

// maxNameLength is the most that a dashboard's name may have ("PutDashboard").
const maxNameLength = 255

// Dashboard is the overview of one Streamer.
type Dashboard struct {
	Overview awscloudwatch.Dashboard
}

// New adds the overview of s to scope. Its name is made of the stack's and the
// construct's names.
func New(scope constructs.Construct, id string, s *streamer.StreamerConstruct) *Dashboard {
	at := constructs.NewConstruct(scope, jsii.String(id))
	rows := []*[]awscloudwatch.IWidget{}
	for _, row := range Widgets(s) {
		rows = append(rows, &row)
	}
	return &Dashboard{
		Overview: awscloudwatch.NewDashboard(at, jsii.String("Overview"), &awscloudwatch.DashboardProps{
			DashboardName: awscdk.Names_UniqueResourceName(at, &awscdk.UniqueResourceNameOptions{
				MaxLength: jsii.Number(maxNameLength), Separator: jsii.String("-"), AllowedSpecialCharacters: jsii.String("-_"),
			}),
			DefaultInterval: awscdk.Duration_Hours(jsii.Number(3)),
			Widgets:         &rows,
		}),
	}
}

// Outputs adds DashboardName to the stack of scope. The key is fixed, so call it once
// in a stack.
func (d *Dashboard) Outputs(scope constructs.Construct) {
	awscdk.NewCfnOutput(scope, jsii.String(contract.OutputDashboardName), &awscdk.CfnOutputProps{
		Description: jsii.String("The CloudWatch dashboard"),
		Value:       d.Overview.DashboardName(),
	}).OverrideLogicalId(jsii.String(contract.OutputDashboardName))
}
