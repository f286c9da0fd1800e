package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spillway/internal/testenv"
)

// TestTheExampleInAnotherLanguage runs the worker of docs/metrics.md as it stands there: what it exposes is enough.
func TestTheExampleInAnotherLanguage(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		testenv.Skip(t, "the example of docs/metrics.md needs python3")
	}
	docs, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(docs), "\n```python\n")
	example, _, found := strings.Cut(example, "\n```\n")
	if lines := strings.Count(example, "\n"); !found || lines > 40 {
		t.Fatalf("the example has %d lines", lines)
	}
	script := filepath.Join(t.TempDir(), "worker.py")
	if err := os.WriteFile(script, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	server := startEmulator(t)
	publish(t, 20)
	ln := listen(t) // a port that is free when it is closed
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	cmd := exec.CommandContext(t.Context(), python, script)
	cmd.Env = []string{"SUBSCRIPTION=projects/shop/subscriptions/offers", "PUBSUB_EMULATOR_HOST=" + server, "PORT=" + port}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	exporter := startExporter(t, "--worker=projects/shop/subscriptions/offers=127.0.0.1:"+port, "--monitoring-endpoint="+server)
	until(t, exporter, "it is scraped, and what it can do is measured", func() bool {
		capacity, _ := estimate(t, exporter, "pod_capacity")
		_, wanted := estimate(t, exporter, "desired_replicas")
		return wanted && capacity > 5 && capacity < 50
	})
	if text := fetch(t, "http://"+exporter+"/explain?subscription=offers"); !strings.Contains(text, "1 of 1 ready pods were scraped") {
		t.Error(text)
	}
}
