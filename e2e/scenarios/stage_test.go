package scenarios

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"spillway/e2e/cluster"
	"spillway/e2e/ledger"
	"spillway/e2e/node"
	"spillway/e2e/overlays"
	"spillway/e2e/process"
	"spillway/e2e/programs"
	"spillway/internal/demo"
	"spillway/internal/httpserver"
)

// Where things are on the bridge; the overlays name the first two.
const (
	emulatorAddress   = cluster.Address + ":8085"
	ledgerAddress     = cluster.Address + ":9900"
	prometheusAddress = cluster.Address + ":9090"
)

// namespace is that of everything shipped.
const namespace = "spillway"

// patience bounds every wait for something that takes seconds on an idle machine.
const patience = 3 * time.Minute

// stage is a cluster with Pub/Sub, Cloud Monitoring and the ledger beside it. It belongs to one test.
type stage struct {
	t       *testing.T
	cluster *cluster.Cluster
	overlay overlays.Overlay
	factor  int
	folder  string // to apply
	ledger  *ledger.Server
	state   *emulatorState
}

// raise starts a cluster and what is outside it: the emulator with the flows' topics and subscriptions, each topic named
// as its subscription, and the ledger. Everything ends with the test.
func raise(t *testing.T, o overlays.Overlay, work time.Duration, flows ...string) *stage {
	t.Helper()
	return raiseNodes(t, 1, o, work, flows...)
}

// raiseNodes is raise with several nodes.
func raiseNodes(t *testing.T, nodes int, o overlays.Overlay, work time.Duration, flows ...string) *stage {
	t.Helper()
	dir := t.TempDir()
	_, folder, err := overlays.Write(filepath.Join(dir, "manifests"), o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(t.Context(), cluster.Options{
		Speed: float64(o.Factor), Nodes: nodes, Images: images(t), Dir: filepath.Join(dir, "cluster"), Log: zap.NewNop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, cluster: c, overlay: o, factor: o.Factor, folder: folder, ledger: ledger.NewServer(ledger.Work{Wait: work})}
	t.Cleanup(func() { s.end() })
	s.serve(ledgerAddress, s.ledger)
	s.runEmulator(flows...)
	s.kubectl("create", "namespace", namespace)
	s.kubectl("create", "namespace", "monitoring")
	s.kubectl("create", "secret", "generic", "google-credentials", "--namespace="+namespace, "--from-literal=credentials.json={}")
	return s
}

// end stops the cluster. A failed test keeps its logs in the report's folder.
func (s *stage) end() {
	s.cluster.Stop()
	if s.t.Failed() {
		kept := filepath.Join(reportFolder, "logs-"+strings.ToLower(s.t.Name()))
		_ = os.RemoveAll(kept)
		for _, of := range []string{"logs", "pods"} {
			if err := os.CopyFS(filepath.Join(kept, of), os.DirFS(filepath.Join(s.cluster.Dir(), of))); err != nil {
				s.t.Logf("keeping the logs: %v", err)
			}
		}
		s.t.Logf("the logs are in %s", kept)
	}
}

// images are the programs behind the images of the manifests.
func images(t *testing.T) node.Images {
	t.Helper()
	all := node.Images{}
	for image, find := range map[string]func() (string, error){
		"spillway/worker":           func() (string, error) { return programs.Own("worker") },
		"spillway/backlog-exporter": func() (string, error) { return programs.Own("backlog-exporter") },
		"spillway/spillway":         func() (string, error) { return programs.Own("spillway") },
		"prometheus-adapter":        programs.PrometheusAdapter,
		"metrics-server":            programs.MetricsServer,
		"app":                       func() (string, error) { return programs.Own("app") },
		"offer":                     func() (string, error) { return programs.Own("app") },
		"content":                   func() (string, error) { return programs.Own("app") },
		"image":                     func() (string, error) { return programs.Own("app") },
	} {
		path, err := find()
		if err != nil {
			t.Fatal(err)
		}
		all[image] = node.Image{Program: path}
	}
	return all
}

// serve serves a handler until the test ends.
func (s *stage) serve(address string, h http.Handler) {
	s.t.Helper()
	ln, err := new(net.ListenConfig).Listen(s.t.Context(), "tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	done := make(chan error, 1)
	go func() { done <- httpserver.Serve(ctx, ln, h, time.Second, zap.NewNop()) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	})
}

// runEmulator starts Pub/Sub and Cloud Monitoring, whose samples are as much faster as everything else.
func (s *stage) runEmulator(flows ...string) {
	s.t.Helper()
	path, err := programs.Own("spillway")
	if err != nil {
		s.t.Fatal(err)
	}
	args := []string{"emulator", "--listen=" + emulatorAddress, "--project=" + overlays.Project, "--monitoring-speed=" + strconv.Itoa(s.factor), "--log-format=json"}
	for _, flow := range flows {
		args = append(args, "--create="+flow+":"+flow)
	}
	_, err = s.cluster.Run(s.t.Context(), process.Spec{Name: "emulator", Path: path, Args: args, Ready: answers("http://" + emulatorAddress + "/")})
	if err != nil {
		s.t.Fatal(err)
	}
	s.state = &emulatorState{url: "http://" + emulatorAddress}
}

// answers says whether a URL answers 200.
func answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := get(ctx, url)
		return err
	}
}

// kubectl runs it as a cluster-admin, and prints nothing.
func (s *stage) kubectl(args ...string) string {
	s.t.Helper()
	out, err := s.cluster.Kubectl(s.t.Context(), args...)
	if err != nil {
		s.t.Fatalf("kubectl %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(out)
}

// apply applies a folder or a file.
func (s *stage) apply(path string) {
	s.t.Helper()
	if err := s.cluster.Apply(s.t.Context(), path); err != nil {
		s.t.Fatal(err)
	}
}

// until waits for a condition, which says what it still lacks, and fails the test when it takes longer than the bound.
func (s *stage) until(bound time.Duration, lacks func(context.Context) error) {
	s.t.Helper()
	if err := await(s.t.Context(), bound, lacks); err != nil {
		s.t.Fatal(err)
	}
}

// await asks a condition four times a second until it lacks nothing.
func await(ctx context.Context, bound time.Duration, lacks func(context.Context) error) error {
	end := time.Now().Add(bound)
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := lacks(ctx)
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("not within %s: %w", bound, err)
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-ticker.C:
		}
	}
}

// wall is how long a stretch of the story takes.
func (s *stage) wall(story time.Duration) time.Duration { return story / time.Duration(s.factor) }

// book is the ledger of a flow.
func (s *stage) book(flow string) *demo.Ledger {
	return s.ledger.Flow("projects/" + overlays.Project + "/subscriptions/" + flow)
}
