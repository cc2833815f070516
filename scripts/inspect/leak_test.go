package main

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if the tests leave anything running but connections that may be used again.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}
