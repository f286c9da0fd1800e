package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// bin is where TestMain puts the programs.
var bin string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "spillway-test-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	build := exec.CommandContext(context.Background(), "go", "build", "-o", dir, "spillway/cmd/...")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		return 1
	}
	bin = dir
	return m.Run()
}

// spillway returns the program with an environment that leads nowhere but to emulator, if that is given.
func spillway(t *testing.T, emulator string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "spillway"), args...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=/nonexistent", "GOOGLE_CLOUD_PROJECT=shop", "PUBSUB_EMULATOR_HOST=" + emulator}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

// run runs the program to its end.
func run(t *testing.T, emulator string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := spillway(t, emulator, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), out.String(), errs.String()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, out.String(), errs.String()
}

func TestBadInputIsOneClearLineWithTheCure(t *testing.T) {
	emulator := startEmulator(t)
	tests := []struct {
		name string
		args string
		code int
		want []string // A part of each line.
	}{
		{"an unknown command", "lod", 2, []string{`"lod": is not a command or argument that it takes; did you mean load?`}},
		{"an unknown flag", "load --topc=offers --rate=1", 2, []string{"--topc: there is no such flag; did you mean --topic?"}},
		{"neither rate nor burst", "load --topic=offers", 2, []string{"--rate: or --burst is required"}},
		{"both rate and burst", "load --topic=offers --rate=1 --burst=1", 2, []string{"--rate: excludes --burst"}},
		{"a message over 10 MB", "load --topic=offers --burst=1 --size=10000001", 2, []string{`--size "10000001"`}},
		{"a malformed topic", "load --topic=projects/shop/subscriptions/x --burst=1", 2, []string{"want projects/P/topics/T"}},
		{"a time that is none", "load --topic=offers --rate=1 --for=soon", 2, []string{`--for "soon": is not a valid duration`}},
		{"two faults", "load --size=-1 --burst=1", 2, []string{"--topic: is required", "--size"}},
		{"a topic that does not exist", "load --topic=nosuch --burst=1", 1, []string{"projects/shop/topics/nosuch does not exist; create it"}},
		{"no URL", "load http", 2, []string{"URL: is required; give one such as http://"}},
		{
			"everything about requests", "load http ftp://x --rate=0 --concurrency=0 --duration=-1s --timeout=x --method=get", 2,
			[]string{`--timeout "x": is not a valid duration`, `URL "ftp://x"`, `--method "get"`, `--rate "0"`, `--concurrency "0"`, `--duration "-1s"`},
		},
		{"a URL cut by the shell", "load http http://x a", 2, []string{"is one argument too many; give one URL"}},
		{"nobody there", "load http http://127.0.0.1:1/ --duration=5s", 1, []string{"http://127.0.0.1:1/: nothing answers there"}},
		{"a port in use", "emulator --listen=" + emulator, 1, []string{"the port is in use; stop the program that holds it or choose another port"}},
		{"an address that is none", "emulator --listen=nowhere", 2, []string{`--listen "nowhere": is not an address`}},
		{"a topic to create that is malformed", "emulator --create=x", 2, []string{`--create "x"`}},
		{"a log format that is none", "emulator --log-format=xml", 2, []string{`--log-format "xml": is not a format`}},
		{"two paces", "demo --fast --real-time", 2, []string{"--fast: excludes --real-time"}},
		{
			"a demo without its programs", "demo --bin-dir=/nonexistent", 2,
			[]string{"holds no program spillway; run `make build`", "no program worker", "no program backlog-exporter"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := run(t, emulator, strings.Fields(tt.args)...)
			lines := strings.Split(strings.TrimSpace(stderr), "\n")
			if code != tt.code || stdout != "" || len(lines) != len(tt.want) {
				t.Fatalf("exit %d, want %d\nstdout: %s\nstderr: %s", code, tt.code, stdout, stderr)
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(lines[i], "spillway: ") || !strings.Contains(lines[i], want) {
					t.Errorf("%q does not say %q", lines[i], want)
				}
			}
		})
	}
}

func TestWithoutAnEmulatorOrCredentials(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, emulator, problem, cure string }{
		{"nothing listens", "127.0.0.1:1", `PUBSUB_EMULATOR_HOST "127.0.0.1:1": nothing answers there`, "start an emulator with `spillway emulator`"},
		{"no credentials", "", "no Google credentials were found", "run `gcloud auth application-default login`"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := run(t, tt.emulator, "load", "--topic=offers", "--burst=1")
			if code != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, tt.problem) || !strings.Contains(stderr, tt.cure) {
				t.Fatalf("exit %d\nstdout: %s\nstderr: %s", code, stdout, stderr)
			}
		})
	}
}

func TestWithoutACommandTheHelpIsShown(t *testing.T) {
	code, stdout, stderr := run(t, "")
	for _, want := range []string{"demo", "emulator", "load", "version"} {
		if code != 0 || stderr != "" || !strings.Contains(stdout, "\n  "+want) {
			t.Errorf("exit %d, no %s in %s%s", code, want, stdout, stderr)
		}
	}
}

func TestLoadHTTPPrintsWhatBecameOfTheRequests(t *testing.T) {
	emulator := startEmulator(t)
	code, stdout, stderr := run(t, "", "load", "http", "http://"+emulator+"/admin/state", "--rate=20", "--duration=1s")
	if code != 0 || !strings.Contains(stdout, "\nstatus     200: 20\n") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	code, stdout, stderr = run(t, "", "load", "http", "http://"+emulator+"/nowhere", "--rate=20", "--duration=1s")
	if code != 1 || !strings.Contains(stdout, "\nstatus     404: 20\n") || stderr != "spillway: 20 of 20 requests failed\n" {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}

func TestVersion(t *testing.T) {
	for _, arg := range []string{"version", "--version"} {
		if code, stdout, _ := run(t, "", arg); code != 0 || !strings.HasPrefix(stdout, "spillway ") || !strings.Contains(stdout, " go1.") {
			t.Errorf("%s: exit %d, %q", arg, code, stdout)
		}
	}
}

func TestEveryCommandHasAUsage(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Short == "" || (cmd.RunE == nil && cmd.Run == nil) {
			t.Errorf("%s has no usage", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(newCommand())
}
