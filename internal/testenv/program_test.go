package testenv_test

import (
	"strings"
	"syscall"
	"testing"

	"spillway/internal/testenv"
)

func TestABuiltProgramIsFollowedFromItsAddressToItsExitCode(t *testing.T) {
	const script = `trap 'exit 7' TERM; echo "$GREETING"; echo '{"message":"serving","address":"127.0.0.1:1234"}' >&2; while :; do sleep 0.05; done`
	p := testenv.StartBinary(t, "/bin/sh", []string{"GREETING=hello"}, "-c", script)
	if got := p.Address(t); got != "127.0.0.1:1234" {
		t.Errorf("it serves on %q", got)
	}
	if !p.Running() {
		t.Error("it runs and is said not to")
	}
	p.Signal(t, syscall.SIGTERM)
	if code := p.Wait(t); code != 7 || p.Running() {
		t.Errorf("exit %d, running %t", code, p.Running())
	}
	if !strings.Contains(p.Stdout(), "hello") {
		t.Errorf("it said %q", p.Stdout())
	}
}
