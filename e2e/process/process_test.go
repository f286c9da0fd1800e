package process_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"spillway/e2e/process"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script returns a process that runs a shell script.
func script(t *testing.T, text string, ready func(context.Context) error) *process.Process {
	t.Helper()
	p := process.New(process.Spec{Name: "script", Path: "/bin/sh", Args: []string{"-c", text}, Ready: ready, ReadyWithin: 20 * time.Second}, t.TempDir(), zaptest.NewLogger(t))
	t.Cleanup(p.Kill)
	return p
}

// wrote returns a Ready that waits for a text in the log.
func wrote(p **process.Process, text string) func(context.Context) error {
	return func(context.Context) error {
		content, err := os.ReadFile((*p).LogPath())
		if err != nil {
			return err
		}
		if !strings.Contains(string(content), text) {
			return errors.New("not there")
		}
		return nil
	}
}

func TestAProcessIsKilledAndStartedAgain(t *testing.T) {
	var p *process.Process
	p = script(t, "echo up; exec sleep 1000", wrote(&p, "up"))
	if p.Running() || p.PID() != 0 {
		t.Error("it runs before it was started")
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := p.PID()
	if err := p.Start(t.Context()); err != nil || p.PID() != first {
		t.Errorf("a start of what runs is not a no-op: process %d became %d, %v", first, p.PID(), err)
	}
	p.Kill()
	p.Kill()
	if p.Running() {
		t.Error("it runs after Kill")
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !p.Running() || p.PID() == first {
		t.Errorf("after the second start: process %d, the first was %d", p.PID(), first)
	}
}

func TestStopLetsItEndByItself(t *testing.T) {
	var p *process.Process
	p = script(t, "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done", wrote(&p, "up"))
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Stop(time.Minute)
	if err := wrote(&p, "bye")(t.Context()); err != nil {
		t.Error("it was not given the time to say good-bye")
	}
}

func TestStopKillsWhatDoesNotEnd(t *testing.T) {
	var p *process.Process
	p = script(t, "trap '' TERM; echo up; while :; do sleep 0.01; done", wrote(&p, "up"))
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Stop(50 * time.Millisecond)
	if p.Running() {
		t.Error("it runs after Stop")
	}
}

func TestAStartThatFailsShowsTheLog(t *testing.T) {
	p := script(t, "echo no such port; exit 1", func(context.Context) error { return errors.New("not yet") })
	err := p.Start(t.Context())
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"starting script", "the program has ended", "not yet", "no such port"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

func TestAStartThatIsCancelledLeavesNothing(t *testing.T) {
	p := script(t, "exec sleep 1000", func(context.Context) error { return errors.New("not yet") })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Start(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
	if p.Running() {
		t.Error("it runs")
	}
}

func TestUsageCountsTheDescendants(t *testing.T) {
	var p *process.Process
	p = script(t, "sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo up; sleep 1000'; echo", wrote(&p, "up"))
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	usages, err := process.Usages([]int{p.PID(), 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if got := usages[p.PID()]; got.CPU < 20*time.Millisecond || got.RSS < 100<<10 {
		t.Errorf("it costs %+v, want what the child has used", got)
	}
	if len(usages) != 1 {
		t.Errorf("there are %d usages, want none of what does not run", len(usages))
	}
}
