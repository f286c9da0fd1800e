package scenarios

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"spillway/e2e/overlays"
	"spillway/e2e/programs"
	"spillway/e2e/report"
)

// requestRate is the load on the request path per second: twenty pods' worth at 5, of which there may be 10.
const requestRate = 100

func TestHTTPRate(t *testing.T) {
	s := raise(t, overlays.HTTPRate(), handling, overlays.Subscription)
	section := s.section(6, "http-rate", "HTTP rate: the tutorial's load test",
		"deploy/generic with components/hpa-http-rate: 5 requests per second and pod, 1 to 10 pods, up by the larger of 2 pods and 100 % per 30 s, "+
			"down after 300 s by the larger of 1 pod and 50 % per 180 s. deploy/load-test.sh loads the worker's Service from a pod.")
	s.prometheus("")
	s.adapter("", "apiservice-custom.yaml")
	s.apply(s.folder)
	const hpa = "worker"
	s.ready(namespace, hpa, 1)
	s.scalable(hpa)
	w := s.watch(section, io.Discard, &watched{hpa: hpa, counts: func() (int64, int64) { return 0, 0 }})
	w.has(hpa, "1 pod", s.bound(5*time.Minute), func(p report.Point) bool { return p.Ready == 1 && p.Metric != nil })
	begun := time.Since(w.begun)
	s.loadTest("status")
	s.loadTest("load", "--rate="+strconv.Itoa(requestRate), "--duration=30m")
	endTable := s.loadTestTable()
	w.has(hpa, "10 pods", s.bound(20*time.Minute), func(p report.Point) bool { return p.Ready == 10 })
	after := time.Since(w.begun)
	w.has(hpa, "10 pods for a while", s.bound(5*time.Minute), func(p report.Point) bool { return p.At-after > s.wall(time.Minute) })
	section.Lines = append(section.Lines, endTable()...)
	s.loadTest("clean")
	w.has(hpa, "1 pod again", s.bound(60*time.Minute), func(p report.Point) bool { return p.Ready == 1 && p.Desired == 1 && p.Current == 1 })
	s.loadTest("status")
	w.stop()
	seen := summarize(section.Tracks[0], begun)
	if seen.most != 10 || seen.removed < 9 {
		t.Errorf("at most %d pods and %d taken away, want 10 and 9 or more", seen.most, seen.removed)
	}
	s.sayRequests(section)
	result(t, section, "1 to 10 to 1 pods, the most after %s of the story, wanted in turn: %v", s.story(seen.mostAfter), steps(section.Tracks[0]))
}

// steps are the numbers of pods that the autoscaler wanted, in order.
func steps(t *report.Track) []int32 {
	var all []int32
	for i := range t.Points {
		if d := t.Points[i].Desired; len(all) == 0 || all[len(all)-1] != d {
			all = append(all, d)
		}
	}
	return all
}

// loadTestCommand is the shipped script with an argument list.
func (s *stage) loadTestCommand(ctx context.Context, out io.Writer, args ...string) *exec.Cmd {
	s.t.Helper()
	root, err := programs.Root()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "bash", append([]string{filepath.Join(root, "deploy", "load-test.sh")}, args...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+s.cluster.Kubeconfig())
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = requestLimit
	return cmd
}

// loadTest runs a command of the script.
func (s *stage) loadTest(args ...string) {
	s.t.Helper()
	if err := s.loadTestCommand(s.t.Context(), console(), args...).Run(); err != nil {
		s.t.Fatalf("load-test.sh %s: %v", args[0], err)
	}
}

// loadTestTable lets the script print its table, and returns what ends that and gives the lines.
func (s *stage) loadTestTable() (end func() []string) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	var table bytes.Buffer
	cmd := s.loadTestCommand(ctx, io.MultiWriter(console(), &table), "watch", "--interval=1s", "--duration=30m")
	if err := cmd.Start(); err != nil {
		cancel()
		s.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	ended := false
	end = func() []string {
		if ended {
			return nil
		}
		ended = true
		cancel()
		err := <-done
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 130 {
			s.t.Errorf("load-test.sh watch, interrupted, ended with %v", err)
		}
		return strings.Split(strings.TrimSpace(table.String()), "\n")
	}
	s.t.Cleanup(func() { end() })
	return end
}

// sayRequests prints what became of the requests, which the pod has said at its end.
func (s *stage) sayRequests(section *report.Section) {
	s.t.Helper()
	var said string
	s.until(patience, func(context.Context) (err error) {
		if said, err = s.cluster.ContainerLog(namespace, "load-test", "load-test"); err == nil && !strings.Contains(said, "since due") {
			err = fmt.Errorf("the load test has not said what became of its requests: %q", said)
		}
		return err
	})
	_, summary, _ := strings.Cut(said, "\ndue ") // What comes before is progress.
	for line := range strings.Lines("due " + summary) {
		note(section, "%s", strings.TrimRight(line, "\n"))
	}
}
