package testenv

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestProcessEnds covers the three ways in which a started program ends. The program tells its process ID through a
// named pipe, which also says that it runs.
func TestProcessEnds(t *testing.T) {
	const script = `echo "$GREETING"; echo $$ > pid; exec sleep 600`
	start := func(t *testing.T) (*process, int) {
		t.Helper()
		dir := t.TempDir()
		if err := syscall.Mkfifo(filepath.Join(dir, "pid"), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := startProcess(dir, "GREETING=hello", "sh", "-c", script)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.kill)
		pipe, err := os.Open(filepath.Join(dir, "pid"))
		if err != nil {
			t.Fatal(err)
		}
		defer pipe.Close()
		line, err := bufio.NewReader(pipe).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		return p, pid
	}
	expectGone := func(t *testing.T, pid int) {
		t.Helper()
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Fatalf("process %d is still there: %v", pid, err)
		}
	}
	t.Run("by kill", func(t *testing.T) {
		p, _ := start(t)
		p.kill()
		p.kill()
		if got := p.output.String(); got != "hello\n" {
			t.Fatalf("its output was %q", got)
		}
	})
	t.Run("by the end of its input, as when the test binary dies", func(t *testing.T) {
		p, pid := start(t)
		if err := p.stdin.Close(); err != nil {
			t.Fatal(err)
		}
		<-p.ended
		expectGone(t, pid)
	})
	t.Run("by itself", func(t *testing.T) {
		p, err := startProcess(t.TempDir(), "X=1", "sh", "-c", "echo bye; exit 3")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.kill)
		err = waitForAnswer(t.Context(), "http://127.0.0.1:1", p.ended)
		if err == nil || !strings.Contains(err.Error(), "ended before") {
			t.Fatalf("waiting for an answer: %v", err)
		}
		if got := p.output.String(); got != "bye\n" {
			t.Fatalf("its output was %q", got)
		}
	})
}

func TestWaitForAnswerIsBounded(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := waitForAnswer(ctx, "http://127.0.0.1:1", nil); err == nil || !strings.Contains(err.Error(), "in time") {
		t.Fatalf("waiting for an answer: %v", err)
	}
}
