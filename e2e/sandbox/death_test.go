//go:build linux

package sandbox_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"spillway/e2e/process"
)

// sleeper makes TestASleeper one that starts something that would live on.
const sleeper = "SPILLWAY_TEST_SLEEPER"

func TestASleeper(t *testing.T) {
	if os.Getenv(sleeper) == "" {
		t.SkipNow() // It is the other process of the test below.
	}
	child := exec.CommandContext(context.Background(), "setsid", "sleep", "1000")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Println("up")
	_ = child.Wait()
}

func TestEverythingDiesWithTheProcess(t *testing.T) {
	outer := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestASleeper$")
	outer.Env = []string{"PATH=" + os.Getenv("PATH"), sleeper + "=1"} // Without the sandbox's: it makes one of its own.
	out, err := outer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := outer.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "up\n" {
		t.Fatalf("it said %q, %v", line, err)
	}
	expectRunning(t, 1)
	if err := outer.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = outer.Wait()
	expectRunning(t, 0)
}

// expectRunning waits until so many sleepers run.
func expectRunning(t *testing.T, want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := process.Eventually(ctx, nil, func(context.Context) error {
		if got := running(t, "sleep"); got != want {
			return fmt.Errorf("%d sleepers run, want %d", got, want)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// running counts the processes of this sandbox, and of those in it, with a name.
func running(t *testing.T, name string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, entry := range entries {
		comm, err := os.ReadFile("/proc/" + entry.Name() + "/comm")
		if err != nil || strings.TrimSpace(string(comm)) != name {
			continue
		}
		// A dead process that nobody has waited for has no command line. The first process of the sandbox, which inherits
		// such ones, does not wait for them.
		if command, err := os.ReadFile("/proc/" + entry.Name() + "/cmdline"); err == nil && len(command) > 0 {
			count++
		}
	}
	return count
}
