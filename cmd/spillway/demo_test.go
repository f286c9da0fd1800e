package main

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// startDemo runs the demo until its first line about the story, and returns what it said up to then.
func startDemo(t *testing.T) (cmd *exec.Cmd, out *bufio.Reader, said string) {
	t.Helper()
	cmd = spillway(t, "127.0.0.1:1", "demo", "--fast") // The demo's processes do not use that emulator.
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out = bufio.NewReader(pipe)
	for !strings.Contains(said, "steady: arriving") {
		line, err := out.ReadString('\n')
		if err != nil {
			_ = cmd.Wait()
			t.Fatalf("%v after %q\n%s", err, said, errs.String())
		}
		said += line
	}
	return cmd, out, said
}

func TestCtrlCEndsTheDemoAndItsProcesses(t *testing.T) {
	t.Parallel()
	cmd, out, said := startDemo(t)
	for _, want := range []string{"emulator  http://127.0.0.1:", "exporter  http://127.0.0.1:", "ledger    http://127.0.0.1:", "worker-2  http://127.0.0.1:"} {
		if !strings.Contains(said, want) {
			t.Errorf("it did not say %q:\n%s", want, said)
		}
	}
	expectPage(t, said)
	children := childrenOf(t, cmd.Process.Pid)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if exit, ok := errors.AsType[*exec.ExitError](cmd.Wait()); !ok || exit.ExitCode() != 130 {
		t.Errorf("ended with %v", exit)
	}
	for _, want := range []string{"\nlost            0\n", "\nrun time        "} {
		if !strings.Contains(string(rest), want) {
			t.Errorf("no %q in the summary:\n%s", want, rest)
		}
	}
	expectGone(t, children)
}

// expectPage looks whether the page that the demo speaks of is there, and shows what happens.
func expectPage(t *testing.T, said string) {
	t.Helper()
	_, rest, _ := strings.Cut(said, "the page is at ")
	url, _, _ := strings.Cut(rest, "\n")
	for path, want := range map[string]string{"": "<title>Spillway demo</title>", "events": "event: history\n"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		begin := make([]byte, 4096)
		n, _ := io.ReadAtLeast(answer.Body, begin, 400)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK || !strings.Contains(string(begin[:n]), want) {
			t.Errorf("%s%s answers %s without %q:\n%s", url, path, answer.Status, want, begin[:n])
		}
	}
}
