package scenarios

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"spillway/e2e/sandbox"
)

func TestMain(m *testing.M) {
	if code, inside := sandbox.Enter(); !inside {
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}
