//go:build linux

package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"spillway/e2e/cluster"
	"spillway/e2e/node"
	"spillway/e2e/process"
	"spillway/e2e/programs"
	"spillway/internal/testenv"
)

// within bounds every wait. The machine may be busy.
const within = 90 * time.Second

// start starts a cluster whose images are the worker and a shell, and stops it at the end.
func start(t *testing.T, nodes int) *cluster.Cluster {
	t.Helper()
	worker := own(t, "worker")
	began := time.Now()
	c, err := cluster.Start(t.Context(), cluster.Options{
		Nodes: nodes, Speed: 10, Dir: t.TempDir(), Log: zaptest.NewLogger(t, zaptest.Level(zap.InfoLevel)),
		Images: node.Images{"spillway/worker": {Program: worker}, "shell": {Program: "/bin/sh", Machine: true}, "bash": {Program: "/bin/bash", Machine: true}},
	})
	if errors.Is(err, programs.ErrMissing) {
		testenv.Skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Stop()
		if t.Failed() {
			showLogs(t, c)
		}
	})
	t.Logf("the cluster was usable after %.1f s", time.Since(began).Seconds())
	return c
}

// showLogs shows how each container's log ends.
func showLogs(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(c.Dir(), node.PodLogs, "*.log"))
	if err != nil {
		t.Error(err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		t.Logf("%s ends with:\n%s", filepath.Base(path), content[max(0, len(content)-2000):])
	}
}

// own is the path of one of the project's programs.
func own(t *testing.T, name string) string {
	t.Helper()
	path, err := programs.Own(name)
	if errors.Is(err, programs.ErrMissing) {
		testenv.Skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// runEmulator runs the emulator with the topic "offers" where Pods reach it.
func runEmulator(t *testing.T, c *cluster.Cluster) *process.Process {
	t.Helper()
	const address = cluster.Address + ":8085"
	p, err := c.Run(t.Context(), process.Spec{
		Name: "emulator", Path: own(t, "spillway"), Args: []string{"emulator", "--listen=" + address, "--create=offers:offers-v1"},
		Ready: process.Answers(nil, "http://"+address+"/metrics"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// eventually waits until the answer is nil.
func eventually(t *testing.T, what string, ask func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if err := process.Eventually(ctx, nil, ask); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// expectReady waits until exactly so many Pods of an app exist, and all are Ready.
func expectReady(t *testing.T, c *cluster.Cluster, app string, want int) []core.Pod {
	t.Helper()
	var pods []core.Pod
	eventually(t, fmt.Sprintf("%d Pods of %s are Ready", want, app), func(ctx context.Context) error {
		list, err := c.Client().CoreV1().Pods(core.NamespaceDefault).List(ctx, meta.ListOptions{LabelSelector: "app=" + app})
		if err != nil {
			return err
		}
		ready := 0
		for _, pod := range list.Items {
			if isReady(pod) {
				ready++
			}
		}
		if len(list.Items) != want || ready != want {
			return fmt.Errorf("%d Pods, %d Ready: %s", len(list.Items), ready, describe(list.Items))
		}
		pods = list.Items
		return nil
	})
	return pods
}

// queries says whether Prometheus has an answer for a query.
func queries(ctx context.Context, query string) error {
	target := "http://" + cluster.Address + ":9090/api/v1/query?query=" + url.QueryEscape(query)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct{ Data struct{ Result []any } }
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	if len(answer.Data.Result) == 0 {
		return fmt.Errorf("%s has no answer: %s", query, body)
	}
	return nil
}

func isReady(pod core.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == core.PodReady {
			return condition.Status == core.ConditionTrue
		}
	}
	return false
}

// describe says in short how Pods are.
func describe(pods []core.Pod) string {
	var out []string
	for _, pod := range pods {
		text := pod.Name + " " + string(pod.Status.Phase)
		for _, status := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
			text += fmt.Sprintf(" %s=%+v", status.Name, status.State)
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

// expectLog waits until a container has written a text.
func expectLog(t *testing.T, c *cluster.Cluster, pod, container, want string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s of %s writes %q", container, pod, want), func(context.Context) error {
		got, err := c.ContainerLog(core.NamespaceDefault, pod, container)
		if err != nil {
			return err
		}
		if !strings.Contains(got, want) {
			return fmt.Errorf("it has written %q", got)
		}
		return nil
	})
}

// children are the processes of the sandbox other than this test, by what runs in them.
func children(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, entry := range entries {
		if entry.Name() == "1" || strings.Trim(entry.Name(), "0123456789") != "" {
			continue
		}
		command, err := os.ReadFile("/proc/" + entry.Name() + "/cmdline")
		if err == nil {
			out = append(out, entry.Name()+" "+strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	return out
}
