package integ_test

import (
	"path/filepath"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// The program that asks an account what only an account knows works: where the local
// stage behaves as an account should, it says so. It looks for new connections, so it is
// alone on the stage.
func TestAccountChecksSee(t *testing.T) {
	s := local(t, "an emulator, of which the answers are known")
	t.Setenv("STREAMER_TOKEN", token(t, s, jwt.MapClaims{"tenant": fresh().tenant, "sub": "ann"}))
	program := filepath.Join(t.TempDir(), "account")
	command(t, "go", "build", "-o", program, "../scripts/account")
	// It ends with status 1 if anything differs, or cannot be seen.
	t.Log(command(t, program, "run", "handshake", "order", "too-large", "gone", "old-handle", "missing-upload", "encryption"))
}
