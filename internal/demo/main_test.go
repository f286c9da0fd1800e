package demo

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// actAs is the environment variable that makes the test binary act as one of the programs.
const actAs = "SPILLWAY_DEMO_TEST_ACT"

func TestMain(m *testing.M) {
	if role := os.Getenv(actAs); role != "" {
		os.Exit(play(role))
	}
	goleak.VerifyTestMain(m)
}

// play is a program that serves and, by its role, ends well, ends badly, or does not end when told to, or that does not come so far.
func play(role string) int {
	if role == "asleep" {
		time.Sleep(time.Minute)
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	switch role {
	case "usage":
		fmt.Fprintln(os.Stderr, "worker: --target: is required; give the URL")
		return 2
	case "crash":
		fmt.Fprintln(os.Stderr, `{"severity":"INFO","message":"serving","address":"127.0.0.1:1"}`)
		fmt.Fprintln(os.Stderr, "panic: assignment to entry in nil map\n\ngoroutine 1 [running]:\nmain.main()")
		return 2
	case "leave":
		fmt.Fprintln(os.Stderr, `{"severity":"INFO","message":"serving","address":"127.0.0.1:1"}`)
		return 0
	}
	fmt.Fprintf(os.Stderr, "{\"severity\":\"INFO\",\"message\":\"serving\",\"address\":\"127.0.0.1:%d\"}\n", os.Getpid())
	<-told
	switch role {
	case "bad end":
		fmt.Fprintln(os.Stderr, `{"severity":"ERROR","message":"draining took too long","error":"context deadline exceeded"}`)
		return 1
	case "deaf":
		time.Sleep(time.Minute)
	}
	return 0
}

// acting is a program that is played by the test binary.
func acting(role string) program {
	p := program{name: "worker-1", path: os.Args[0], env: []string{actAs + "=" + role}, patience: 20 * time.Second}
	if role == "deaf" {
		p.patience = 200 * time.Millisecond
	}
	return p
}
