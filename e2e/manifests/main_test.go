//go:build linux

// Package manifests_test gives everything in deploy/ to a real API server.
package manifests_test

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
