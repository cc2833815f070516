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

// maxRegionLength is room for a hyphen and the name of a region, whatever its name is.
const maxRegionLength = 32

// Dashboard is what shows one Streamer.
type Dashboard struct {
	// Overview answers in one screen: is it healthy, is it fast, who uses it, what does it
	// cost.
	Overview awscloudwatch.Dashboard
	// Detail shows connections and progress, then every function and every queue by itself.
	Detail awscloudwatch.Dashboard

	outputKey func(string) string
}

// New adds the dashboards of s to scope. Their names are made of the stack's and the
// construct's names, and of the region: an account's dashboards are those of all regions, and
// one replaces another of its name ("PutDashboard"). CloudWatch charges for each ("Amazon
// CloudWatch Pricing").
func New(scope constructs.Construct, id string, s *streamer.StreamerConstruct) *Dashboard {
	at := constructs.NewConstruct(scope, jsii.String(id))
	region := "-" + *awscdk.Stack_Of(at).Region()
	name := func(suffix string) *string {
		base := awscdk.Names_UniqueResourceName(at, &awscdk.UniqueResourceNameOptions{
			MaxLength: jsii.Number(maxNameLength - maxRegionLength - len(suffix)), Separator: jsii.String("-"), AllowedSpecialCharacters: jsii.String("-_"),
		})
		return jsii.String(*base + region + suffix)
	}
	return &Dashboard{
		Overview: newDashboard(at, "Overview", name(""), Widgets(s)),
		Detail:   newDashboard(at, "Detail", name("-Detail"), DetailWidgets(s)),

		outputKey: s.OutputKey,
	}
}

func newDashboard(scope constructs.Construct, id string, name *string, widgets [][]awscloudwatch.IWidget) awscloudwatch.Dashboard {
	rows := []*[]awscloudwatch.IWidget{}
	for _, row := range widgets {
		rows = append(rows, &row)
	}
	return awscloudwatch.NewDashboard(scope, jsii.String(id), &awscloudwatch.DashboardProps{
		DashboardName:   name,
		DefaultInterval: awscdk.Duration_Hours(jsii.Number(3)),
		Widgets:         &rows,
	})
}

// Outputs adds DashboardName and DetailDashboardName to the stack of scope, and DashboardUrl
// and DetailDashboardUrl, which open them in the console. The keys begin with the Streamer's
// OutputPrefix.
func (d *Dashboard) Outputs(scope constructs.Construct) {
	region := awscdk.Stack_Of(scope).Region()
	for _, one := range []struct {
		dashboard       awscloudwatch.Dashboard
		what, name, url string
	}{
		{d.Overview, "The CloudWatch dashboard", contract.OutputDashboardName, contract.OutputDashboardURL},
		{d.Detail, "The CloudWatch dashboard of every function and queue", contract.OutputDetailDashboardName, contract.OutputDetailDashboardURL},
	} {
		output(scope, d.outputKey(one.name), one.what, one.dashboard.DashboardName())
		output(scope, d.outputKey(one.url), one.what+", in the console", jsii.String("https://console.aws.amazon.com/cloudwatch/home?region="+*region+
			"#dashboards/dashboard/"+*one.dashboard.DashboardName()))
	}
}

func output(scope constructs.Construct, key, description string, value *string) {
	awscdk.NewCfnOutput(scope, jsii.String(key), &awscdk.CfnOutputProps{Description: jsii.String(description), Value: value}).
		OverrideLogicalId(jsii.String(key))
}
