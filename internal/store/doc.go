// Package store keeps requests and connections: it carries out what lifecycle decides,
// on DynamoDB and, for tests and simulations, in memory. Both are held to the same
// behaviour by storetest.
package store
