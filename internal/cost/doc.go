// Package cost computes what Streamer costs, in calls, units and dollars, from the calls that
// the integration tests count and the prices of package price.
//
// # Design
//
// calls.json has the calls of each operation; TestFigures of package integ counts them on
// a stage and fails if one differs. What an update costs in DynamoDB is computed from the
// transition itself: a unit for the row, and one for each index that it touches. What can
// be neither counted nor computed here is an assumption, and is printed with the bill.
package cost
