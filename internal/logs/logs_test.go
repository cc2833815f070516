package logs

import (
	"slices"
	"testing"

	"github.com/pay-theory/streamer/internal/resources"
)

// Functions are called what people call them, and a function that is a user's own keeps its
// name.
func TestGroups(t *testing.T) {
	got := In([]resources.Resource{
		{Type: "AWS::Logs::LogGroup", LogicalID: "StreamerRouterLogsE545068F", ID: "/router"},
		{Type: "AWS::Logs::LogGroup", LogicalID: "StreamerWorkersreportsProcessorLogs7A20C0D3", ID: "/reports"},
		{Type: "AWS::Logs::LogGroup", LogicalID: "StreamerReconcilerLogsCAF1B080", ID: "/reconciler"},
		{Type: "AWS::Logs::LogGroup", LogicalID: "MineLogsCAF1B080", ID: "/mine"},
		{Type: "AWS::Lambda::Function", LogicalID: "StreamerRouterFunction4A830823", ID: "R"},
		{Type: "AWS::Lambda::Function", LogicalID: "StreamerWorkersreportsProcessorFunctionE7A827D8", ID: "W"},
		{Type: "AWS::Lambda::Function", LogicalID: "StreamerReconcilerFunctionFC2FCB04", ID: "C"},
		{Type: "AWS::SQS::Queue", LogicalID: "StreamerWork95B9FA33", ID: "q"},
	})
	want := []Group{{"/router", "R", "router"}, {"/reports", "W", "reports"}, {"/reconciler", "C", "reconciler"}, {"/mine", "", "Mine"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}
