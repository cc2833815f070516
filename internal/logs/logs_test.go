package logs

import (
	"slices"
	"testing"

	"github.com/pay-theory/streamer/internal/resources"
)

// Functions are called what people call them, and a function that is a user's own keeps its
// name. A log that is no function's, as the API's access log, is not among them.
func TestGroups(t *testing.T) {
	got := In([]resources.Resource{
		{Type: "AWS::Logs::LogGroup", LogicalID: "StreamerRouterLogsE545068F", ID: "/router"},
		{Type: "AWS::Logs::LogGroup", LogicalID: "StreamerWorkersreportsProcessorLogs7A20C0D3", ID: "/reports"},
		{Type: "AWS::Logs::LogGroup", LogicalID: "StreamerWorkersmonthendProcessorLogs5B1D3C2A", ID: "/month-end"},
		{Type: "AWS::Logs::LogGroup", LogicalID: "StreamerReconcilerLogsCAF1B080", ID: "/reconciler"},
		{Type: "AWS::Logs::LogGroup", LogicalID: "MineLogsCAF1B080", ID: "/mine"},
		{Type: "AWS::Logs::LogGroup", LogicalID: "YoursLogs1D2E3F40", ID: "/yours"},
		{Type: "AWS::Logs::LogGroup", LogicalID: "AccessLogs8B7D3B5E", ID: "/access"},
		{Type: "AWS::Lambda::Function", LogicalID: "StreamerRouterFunction4A830823", ID: "R"},
		{Type: "AWS::Lambda::Function", LogicalID: "StreamerWorkersreportsProcessorFunctionE7A827D8", ID: "W"},
		{Type: "AWS::Lambda::Function", LogicalID: "StreamerWorkersmonthendProcessorFunction1C9E0F4B", ID: "E"},
		{Type: "AWS::Lambda::Function", LogicalID: "StreamerReconcilerFunctionFC2FCB04", ID: "C"},
		{Type: "AWS::Lambda::Function", LogicalID: "MineFunctionFC2FCB04", ID: "M"},
		{Type: "AWS::Lambda::Function", LogicalID: "Yours0A1B2C3D", ID: "Y"}, // as the CDK alone makes one
		{Type: "AWS::SQS::Queue", LogicalID: "StreamerWork95B9FA33", ID: "q"},
	}, "month-end", "reports")
	want := []Group{{"/router", "R", "router"}, {"/reports", "W", "reports"}, {"/month-end", "E", "month-end"}, {"/reconciler", "C", "reconciler"}, {"/mine", "M", "Mine"}, {"/yours", "Y", "Yours"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}
