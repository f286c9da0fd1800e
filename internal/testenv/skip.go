package testenv

import (
	"os"
	"testing"
)

// RequireVariable is the environment variable that, set to 1, turns every Skip into a failure. CI sets it.
const RequireVariable = "SPILLWAY_REQUIRE_EMULATOR"

// SkipMark begins the message of every Skip. The summary of `make test` prints the lines that hold it.
const SkipMark = "SKIP-VISIBLE: "

// Skip ends the test because the machine lacks something: it skips with a visible line, or fails where RequireVariable
// is 1. The reason says what is missing and how to get it.
func Skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv(RequireVariable) == "1" {
		t.Fatalf("%s=1 forbids to skip: %s", RequireVariable, reason)
	}
	t.Skip(SkipMark + reason)
}
