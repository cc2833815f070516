// Package dashboards shows a Streamer on CloudWatch.
//
//	dashboards.New(stack, "Dashboard", streamer)          // a dashboard of its own
//	mine.AddWidgets(dashboards.Widgets(streamer)[0]...)   // or rows of yours
//
// generated/overview.json is the rendered body, for review: a test keeps it equal to
// the code (go test ./constructs -run TestDashboard -update).
//
// # Design
//
// A graph answers one question, in the order in which an operator asks: is anything
// wrong, what do clients see, does work flow, how long does it take, what breaks. A
// graph on which an alarm stands shows the alarm's threshold. Counts start at zero.
// Searches find what nobody knows beforehand, actions and codes; metric math is for costs
// alone. scripts/dashboard draws both, so the same body works on the local stage.
package dashboards
