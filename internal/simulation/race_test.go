//go:build race

package simulation

// seeds is how many are played if nobody says: the race detector makes each slower by
// an order of magnitude.
const seeds = 100
