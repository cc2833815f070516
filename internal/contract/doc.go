// Package contract holds the names that the infrastructure and the functions
// must agree on: environment variables and what stands in them, table attributes and
// indexes, metrics. It has no behaviour and imports nothing of ours, so that both sides
// can stand on it: constructs writes these names into a template, functions read them
// at run time.
package contract
