package testenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	// startAttempts covers the gap between finding a free port and the emulator taking it.
	startAttempts = 3
	// startBound is generous: 1 to 4 s is normal, several times that on a busy machine.
	startBound = time.Minute
	pollEvery  = 50 * time.Millisecond
)

// OfficialEmulator starts the Cloud SDK's Pub/Sub emulator on a free port and returns its host:port once it answers.
// It ends with the test, so a suite calls it once in its parent test and shares the address among the subtests, each
// with a project of its own. Where the emulator or Java is missing the test ends as Skip says.
func OfficialEmulator(t testing.TB) string {
	t.Helper()
	script := findEmulator(t)
	var errs []error
	for range startAttempts {
		addr, err := startEmulator(t, script)
		if err == nil {
			return addr
		}
		errs = append(errs, err)
	}
	t.Fatalf("starting the official emulator: %v", errors.Join(errs...))
	return ""
}

// findEmulator returns the start script's path, or ends the test.
func findEmulator(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("java"); err != nil {
		Skip(t, "the official Pub/Sub emulator needs Java; install a headless JRE")
	}
	gcloud, err := exec.LookPath("gcloud")
	if err != nil {
		Skip(t, "the official Pub/Sub emulator comes with the Google Cloud SDK; install it")
	}
	root, err := exec.CommandContext(t.Context(), gcloud, "info", "--format=value(installation.sdk_root)").Output() //nolint:gosec // the path is the one that PATH names
	if err != nil {
		Skip(t, "gcloud does not say where the Cloud SDK is: "+err.Error())
	}
	folder := filepath.Join(strings.TrimSpace(string(root)), "platform", "pubsub-emulator", "bin")
	script, err := exec.LookPath(filepath.Join(folder, "cloud-pubsub-emulator"))
	if err != nil {
		Skip(t, "the Cloud SDK lacks its Pub/Sub emulator; run gcloud components install pubsub-emulator")
	}
	return script
}

// startEmulator runs script on a port that was free a moment ago until the test ends, and waits until it answers.
func startEmulator(t testing.TB, script string) (string, error) {
	t.Helper()
	addr, err := freeAddress(t.Context())
	if err != nil {
		return "", err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("reading the free address: %w", err)
	}
	dir := t.TempDir()
	p, err := startProcess(dir, "JAVA_OPTS=-Xmx1g -XX:-UsePerfData -Djava.io.tmpdir="+dir, script, "--host="+host, "--port="+port)
	if err != nil {
		return "", err
	}
	t.Cleanup(p.kill)
	ctx, cancel := context.WithTimeout(t.Context(), startBound)
	defer cancel()
	if err := waitForAnswer(ctx, "http://"+addr, p.ended); err != nil {
		p.kill()
		return "", fmt.Errorf("%w; its output: %s", err, p.output.String())
	}
	return addr, nil
}

// freeAddress returns a loopback address with a port that is free now.
func freeAddress(ctx context.Context) (string, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	return ln.Addr().String(), ln.Close()
}

// waitForAnswer asks url until it answers 200, ctx is done or the program has ended.
func waitForAnswer(ctx context.Context, url string, ended <-chan struct{}) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := ask(ctx, url)
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("the program ended before it answered: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("no answer in time: %w", err)
		case <-tick.C:
		}
	}
}

// ask sends one request on a connection that is not kept, so that no goroutine of it outlives the call.
func ask(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("asking for life: %w", err)
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking for life: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("asking for life: %s", res.Status)
	}
	return nil
}
