//go:build linux

package cluster_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"spillway/e2e/cluster"
)

// TestTheRealWorkerComesGoesAndLeavesNothing is the smoke test: the whole life of a cluster.
func TestTheRealWorkerComesGoesAndLeavesNothing(t *testing.T) {
	c := start(t, 2)
	runEmulator(t, c)

	if err := c.Apply(t.Context(), "testdata/worker.yaml"); err != nil {
		t.Fatal(err)
	}
	pods := expectReady(t, c, "worker", 2)
	if pods[0].Spec.NodeName == pods[1].Spec.NodeName {
		t.Errorf("both Pods are on %s, want that the scheduler spreads them", pods[0].Spec.NodeName)
	}
	if _, err := c.Kubectl(t.Context(), "scale", "deployment/worker", "--replicas=4"); err != nil {
		t.Fatal(err)
	}
	expectReady(t, c, "worker", 4)
	if _, err := c.Kubectl(t.Context(), "scale", "deployment/worker", "--replicas=1"); err != nil {
		t.Fatal(err)
	}
	left := expectReady(t, c, "worker", 1)[0]
	for _, pod := range pods {
		if pod.Name != left.Name {
			expectLog(t, c, pod.Name, "worker", `"message":"drained"`)
		}
	}
	usages, err := c.Usage()
	if err != nil {
		t.Fatal(err)
	}
	for _, usage := range usages {
		t.Logf("%-24s %5d MiB resident, %5.1f s of CPU", usage.Name, usage.RSS>>20, usage.CPU.Seconds())
	}

	if err := c.Delete(t.Context(), "testdata/worker.yaml"); err != nil {
		t.Fatal(err)
	}
	expectReady(t, c, "worker", 0)
	expectNoFiles(t, c)
	c.Stop()
	if left := children(t); len(left) > 0 {
		t.Errorf("processes are left: %q", left)
	}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	if len(links) != 1 {
		t.Errorf("links are left: %v", links)
	}
}

// expectNoFiles waits until the nodes have removed what they made for Pods.
func expectNoFiles(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	eventually(t, "the nodes' files are removed", func(context.Context) error {
		left, err := filepath.Glob(filepath.Join(c.Dir(), "nodes", "*", "*"))
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("left are %q", left)
		}
		return nil
	})
}

func TestAClusterThatCannotStartLeavesNothing(t *testing.T) {
	t.Run("because the options are wrong", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			opts cluster.Options
			want string
		}{
			{cluster.Options{Speed: 20, Nodes: 201}, "starting a cluster: the speed 20 is not between 1 and 15\n201 nodes are not between 1 and 200"},
			{cluster.Options{Dir: dir}, "starting a cluster: the directory " + dir + " is not empty: give a new one"},
		} {
			if _, err := cluster.Start(t.Context(), test.opts); err == nil || err.Error() != test.want {
				t.Errorf("the error is %q, want %q", err, test.want)
			}
		}
	})
	t.Run("because its port is taken", func(t *testing.T) {
		own(t, "worker")
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:2379")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = listener.Close() }()
		if c, err := cluster.Start(t.Context(), cluster.Options{Dir: t.TempDir()}); err == nil {
			c.Stop()
			t.Error("it starts all the same")
		} else {
			t.Log(err)
		}
		if left := children(t); len(left) > 0 {
			t.Errorf("processes are left: %q", left)
		}
	})
}
