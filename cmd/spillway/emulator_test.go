package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// startEmulator runs `spillway emulator` with the topic offers until the test ends, and returns what to export.
func startEmulator(t *testing.T) (host string) {
	t.Helper()
	cmd := spillway(t, "", "emulator", "--listen=127.0.0.1:0", "--project=shop", "--create=offers:offers-v1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	export := regexp.MustCompile(`^  export PUBSUB_EMULATOR_HOST=(127\.0\.0\.1:\d+)$`)
	for lines := bufio.NewScanner(out); host == "" && lines.Scan(); {
		said = append(said, lines.Text())
		if found := export.FindStringSubmatch(lines.Text()); found != nil {
			host = found[1]
		}
	}
	t.Cleanup(func() {
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); !errors.Is(err, context.Canceled) { // Wait says so when the program ended well after the test's context.
			t.Errorf("the emulator ended with %v", err)
		}
	})
	text := strings.Join(said, "\n")
	if host == "" || !strings.Contains(text, "on "+host+", metrics on http://"+host+"/metrics") || !strings.Contains(text, "created offers:offers-v1 in project shop") {
		t.Fatalf("it said %q", text)
	}
	return host
}

func TestLoadPublishesToTheEmulator(t *testing.T) {
	host := startEmulator(t)
	tests := []struct{ name, args, want string }{
		{"a burst", "--burst=2500", `^published  2500\nfailed     0\nrate       \d+ msg/s over `},
		{"a rate", "--rate=200 --for=500ms --attribute=kind=offer", `^published  100\nfailed     0\nrate       \d+ msg/s over `},
		{"a large message", "--burst=1 --size=9999000", `^published  1\nfailed     0\n`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := run(t, host, append([]string{"load", "--topic=offers"}, strings.Fields(tt.args)...)...)
			if code != 0 || stderr != "" || !regexp.MustCompile(tt.want).MatchString(stdout) {
				t.Fatalf("exit %d\nstdout: %s\nstderr: %s", code, stdout, stderr)
			}
		})
	}
}

func TestAnInterruptedLoadEndsWellWithItsSummary(t *testing.T) {
	t.Parallel()
	host := startEmulator(t)
	cmd := spillway(t, host, "load", "--topic=offers", "--rate=100")
	var out strings.Builder
	cmd.Stdout = &out
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(progress).ReadString('\n'); err != nil || !strings.Contains(line, "failed 0") {
		t.Fatalf("progress %q, %v", line, err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !regexp.MustCompile(`^published  [4-6]\d\d\nfailed     0\n`).MatchString(out.String()) {
		t.Fatalf("%v\n%s", err, out.String())
	}
}
