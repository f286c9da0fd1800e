package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/testenv/cloudmontest"
)

// build returns the path of the real binary.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backlog-exporter")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return path
}

// listen returns a listener that takes connections and never says a word.
func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

// environment is this one without anything that Google's libraries look for.
func environment(t *testing.T) []string {
	t.Helper()
	closed := listen(t)
	_ = closed.Close()
	env := []string{"HOME=" + t.TempDir(), "GCE_METADATA_HOST=" + closed.Addr().String()}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "HOME=") && !strings.HasPrefix(variable, "G") {
			env = append(env, variable)
		}
	}
	return env
}

func TestTheBinary(t *testing.T) {
	binary, env := build(t), environment(t)
	t.Run("bad input", func(t *testing.T) { badInput(t, binary, env) })
	t.Run("serves until it is told to stop", func(t *testing.T) { serves(t, binary, env) })
}

func badInput(t *testing.T, binary string, env []string) {
	t.Helper()
	const one = "--subscription=projects/shop/subscriptions/offers"
	monitoring := cloudmontest.Start(t, cloudmontest.Always())
	silent := listen(t)
	tests := []struct {
		name string
		args []string
		code int
		want []string // what the lines of stderr contain, in order
	}{
		{"unknown flag", []string{"--subscripton=x"}, 2, []string{"--subscripton: there is no such flag; did you mean --subscription?"}},
		{"a value of the wrong type", []string{"--poll-interval=often"}, 2, []string{`--poll-interval "often": is not a valid duration`, "--subscription: is required"}},
		{"nothing given", nil, 2, []string{"--subscription: is required"}},
		{
			"several faults at once",
			[]string{"--subscription=projects/shop/topics/offers", "--subscription=offers", "--listen=9090", "--log-level=loud"},
			2,
			[]string{`want projects/P/subscriptions/S`, `needs a project`, `--listen "9090": is not an address`, `--log-level "loud"`},
		},
		{
			"an endpoint that does not answer",
			[]string{one, "--listen=127.0.0.1:0", "--monitoring-endpoint=" + silent.Addr().String()},
			1,
			[]string{"--monitoring-endpoint: no monitoring server answers at " + silent.Addr().String() + " within 4s; start one with `spillway emulator`"},
		},
		{
			"port in use",
			[]string{one, "--listen=" + silent.Addr().String(), "--monitoring-endpoint=" + monitoring.Addr()},
			1,
			[]string{`--listen "` + silent.Addr().String() + `": the port is in use; stop the program that holds it or choose another port`},
		},
		{"missing credentials", []string{one, "--listen=127.0.0.1:0"}, 1, []string{"run `gcloud auth application-default login`"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), binary, tt.args...)
			cmd.Env, cmd.Stdout, cmd.Stderr = env, &stdout, &stderr
			begin := time.Now()
			err := cmd.Run()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != tt.code {
				t.Fatalf("ended with %v, want exit code %d\n%s", err, tt.code, &stderr)
			}
			if took := time.Since(begin); took > 8*time.Second {
				t.Errorf("took %s", took)
			}
			lines := strings.Split(strings.TrimSuffix(stderr.String(), "\n"), "\n")
			if len(lines) != len(tt.want) || stdout.Len() > 0 {
				t.Fatalf("want %d lines:\n%s%s", len(tt.want), &stdout, &stderr)
			}
			for i, line := range lines {
				if !strings.HasPrefix(line, "backlog-exporter: ") || !strings.Contains(line, tt.want[i]) {
					t.Errorf("got  %s\nwant %s", line, tt.want[i])
				}
			}
		})
	}
}

func serves(t *testing.T, binary string, env []string) {
	t.Helper()
	offers := backlog.Subscription{Project: "shop", ID: "offers"}
	monitoring := cloudmontest.Start(t, cloudmontest.ByMetric(
		cloudmontest.Series(backlog.NumUndeliveredMessages, offers, nil, cloudmontest.Level(40000, time.Now()))))
	cmd := exec.CommandContext(t.Context(), binary, "--subscription=offers", "--listen=127.0.0.1:0", "--log-format=json",
		"--monitoring-endpoint="+monitoring.Addr(), "--poll-interval=100ms")
	cmd.Env = append(cmd.Env, env...)
	cmd.Env = append(cmd.Env, "GOOGLE_CLOUD_PROJECT=shop")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addr, logged := address(t, stderr)
	const want = `pubsub_subscription_num_undelivered_messages{project_id="shop",subscription_id="offers"} 40000`
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(get(t, "http://"+addr+"/metrics"), want); {
		if time.Now().After(deadline) {
			t.Error("the backlog is not served")
			break
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(logged)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("SIGTERM ended it with %v\n%s", err, rest)
	}
}

// address reads the log until the entry that says where the program serves, and returns what follows.
func address(t *testing.T, stderr io.Reader) (string, io.Reader) {
	t.Helper()
	log := bufio.NewReader(stderr)
	for {
		line, err := log.ReadBytes('\n')
		if err != nil {
			t.Fatalf("the log ends with %q: %v", line, err)
		}
		var entry struct{ Message, Address, Severity string }
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if entry.Message == "serving" {
			return entry.Address, log
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
