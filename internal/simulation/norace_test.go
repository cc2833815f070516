//go:build !race

package simulation

// seeds is how many are played if nobody says.
const seeds = 1000
