package outside

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

const envMain = "STREAMER_TEST_MAIN"

// TestMain is also a function that says whether it traces.
func TestMain(m *testing.M) {
	if os.Getenv(envMain) == "tells" {
		tells()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
