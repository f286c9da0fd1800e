package demo

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestAProgramIsToldToEndAndWaitedFor(t *testing.T) {
	c, err := startChild(t.Context(), "worker-1", acting("well").run)
	if err != nil {
		t.Fatal(err)
	}
	pid := pidOf(t, c)
	if group, err := syscall.Getpgid(pid); err != nil || group != pid {
		t.Errorf("the child %d is in the group %d (%v), not in its own", pid, group, err)
	}
	if c.metrics() != "http://127.0.0.1:"+strconv.Itoa(pid)+"/metrics" {
		t.Errorf("its address is %s", c.metrics())
	}
	if err := c.stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	if err := c.stop(); err != nil {
		t.Errorf("stopping again: %v", err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process is still there: %v", err)
	}
}

// pidOf reads the process ID that the acting program logs as its port.
func pidOf(t *testing.T, c *child) int {
	t.Helper()
	_, port, _ := strings.Cut(c.address, ":")
	pid, err := strconv.Atoi(port)
	if err != nil || pid == os.Getpid() {
		t.Fatalf("address %q", c.address)
	}
	return pid
}

func TestAProgramThatDoesNotStartSaysWhy(t *testing.T) {
	_, err := startChild(t.Context(), "worker-1", acting("usage").run)
	if err == nil || err.Error() != "worker-1: exit status 2; it said: worker: --target: is required; give the URL" {
		t.Errorf("got %v", err)
	}
	missing := program{name: "worker-1", path: "/nonexistent/worker"}
	if _, err := startChild(t.Context(), "worker-1", missing.run); err == nil || !strings.Contains(err.Error(), "starting worker-1: ") {
		t.Errorf("got %v", err)
	}
}

func TestTheWaysInWhichAProgramEnds(t *testing.T) {
	tests := []struct {
		role string
		told bool
		want string // Empty: no error.
	}{
		{"well", true, ""},
		{"bad end", true, "worker-1: exit status 1; it said: draining took too long: context deadline exceeded"},
		{"deaf", true, "worker-1 did not end within 200ms of SIGTERM and was killed"},
		{"leave", false, "worker-1 ended by itself"},
		{"crash", false, "worker-1: exit status 2; it said: panic: assignment to entry in nil map"},
	}
	for _, tt := range tests {
		t.Run(tt.role, func(t *testing.T) {
			t.Parallel()
			c, err := startChild(t.Context(), "worker-1", acting(tt.role).run)
			if err != nil {
				t.Fatal(err)
			}
			if tt.told {
				c.cancel()
			}
			<-c.done
			c.cancel()
			if got := c.err; (got == nil) != (tt.want == "") || (got != nil && got.Error() != tt.want) {
				t.Errorf("got %v, want %q", got, tt.want)
			}
		})
	}
}

func TestAProgramThatIsKilledOnPurposeIsGoneAtOnceAndNoFault(t *testing.T) {
	c, err := startChild(t.Context(), "worker-1", acting("deaf").run)
	if err != nil {
		t.Fatal(err)
	}
	pid := pidOf(t, c)
	c.kill()
	<-c.done
	if c.err != nil {
		t.Errorf("got %v", c.err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process is still there: %v", err)
	}
}

func TestWaitingForAProgramEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var silent runner = func(ctx context.Context, _ func(string)) error {
		cancel()
		<-ctx.Done()
		return nil
	}
	if _, err := startChild(ctx, "worker-1", silent); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestAProgramThatIsToldToEndBeforeItServesIsNoFault: it does not heed SIGTERM yet and dies of it.
func TestAProgramThatIsToldToEndBeforeItServesIsNoFault(t *testing.T) {
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, interrupted)
	defer cancel()
	if _, err := startChild(ctx, "worker-1", acting("asleep").run); !errors.Is(err, interrupted) {
		t.Errorf("got %v", err)
	}
}

func TestAProgramThatNeverServesIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, err := startChild(t.Context(), "worker-1", func(ctx context.Context, _ func(string)) error {
			<-ctx.Done()
			return nil
		})
		if err == nil || err.Error() != "worker-1 did not serve within 30s" || time.Since(begin) != servingLimit {
			t.Errorf("got %v after %s", err, time.Since(begin))
		}
	})
}

func TestTheAddressIsReadFromPiecesOfALog(t *testing.T) {
	const log = `{"severity":"INFO","message":"starting"}
not json
{"severity":"INFO","message":"serving","address":"127.0.0.1:4711","more":1}
{"severity":"WARNING","message":"slow","error":"deadline"}
{"severity":"INFO","message":"serving"}
`
	for _, size := range []int{1, 7, 1000} {
		var got []string
		l := &childLog{serving: func(address string) { got = append(got, address) }}
		for rest := log; rest != ""; {
			n := min(size, len(rest))
			if written, err := l.Write([]byte(rest[:n])); err != nil || written != n {
				t.Fatal(written, err)
			}
			rest = rest[n:]
		}
		if len(got) != 1 || got[0] != "127.0.0.1:4711" {
			t.Errorf("in pieces of %d: addresses %v", size, got)
		}
		if l.last() != "slow: deadline" {
			t.Errorf("in pieces of %d: last complaint %q", size, l.last())
		}
	}
}

func TestAnEndlessLineIsDropped(t *testing.T) {
	l := &childLog{serving: func(string) {}}
	for range 100 {
		_, _ = l.Write(make([]byte, 1000))
	}
	if len(l.rest) > maxLine {
		t.Fatalf("%d bytes are kept", len(l.rest))
	}
}

func FuzzChildLog(f *testing.F) {
	f.Add([]byte(`{"severity":"ERROR","message":"serving","address":"127.0.0.1:1"}` + "\n"))
	f.Add([]byte("panic: x\n\ngoroutine 1\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		l := &childLog{serving: func(address string) {
			if address == "" {
				t.Fatal("an empty address")
			}
		}}
		if n, err := l.Write(log); n != len(log) || err != nil {
			t.Fatal(n, err)
		}
		if strings.Contains(l.last(), "\n") && !strings.Contains(string(log), `\n`) {
			t.Fatalf("a complaint of several lines: %q", l.last())
		}
	})
}
