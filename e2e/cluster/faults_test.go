//go:build linux

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"spillway/e2e/cluster"
)

// deploy starts a cluster on which two workers are Ready.
func deploy(t *testing.T, nodes int) *cluster.Cluster {
	t.Helper()
	c := start(t, nodes)
	runEmulator(t, c)
	if err := c.Apply(t.Context(), "testdata/worker.yaml"); err != nil {
		t.Fatal(err)
	}
	expectReady(t, c, "worker", 2)
	return c
}

func TestPodsRunOnWhileTheAPIServerIsAway(t *testing.T) {
	c := deploy(t, 1)
	before := expectReady(t, c, "worker", 2)
	server := c.Process(cluster.APIServer)
	server.Kill()
	if _, err := c.Kubectl(t.Context(), "get", "pods", "--request-timeout=2s"); err == nil {
		t.Error("kubectl gets an answer while the API server is away")
	}
	// What happens meanwhile is told afterwards: a container that ends is started again, with nobody to tell it.
	ended := before[0].Name
	if err := c.Nodes()[0].Crash(core.NamespaceDefault, ended, "worker"); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the status tells what happened meanwhile", func(ctx context.Context) error {
		got, err := c.Client().CoreV1().Pods(core.NamespaceDefault).Get(ctx, ended, meta.GetOptions{})
		if err != nil {
			return err
		}
		if status := got.Status.ContainerStatuses[0]; status.RestartCount != 1 || !status.Ready {
			return fmt.Errorf("%d restarts, ready: %v", status.RestartCount, status.Ready)
		}
		return nil
	})
	for _, pod := range expectReady(t, c, "worker", 2) {
		if pod.UID != before[0].UID && pod.UID != before[1].UID {
			t.Errorf("%s is new: the outage has cost a Pod", pod.Name)
		}
	}
	if _, err := c.Kubectl(t.Context(), "scale", "deployment/worker", "--replicas=3"); err != nil {
		t.Fatal(err)
	}
	expectReady(t, c, "worker", 3)
}

func TestALostNodeIsNoticedItsPodsReplacedAndItComesBack(t *testing.T) {
	c := deploy(t, 2)
	lost := c.Nodes()[0]
	lost.Lose()
	began := time.Now()
	eventually(t, "the controller notices", func(ctx context.Context) error { return readiness(ctx, c, lost.Name(), core.ConditionUnknown) })
	t.Logf("the node was unknown after %.1f s, its grace is %s", time.Since(began).Seconds(), c.Times().NodeGrace)
	eventually(t, "the Pods are replaced on the other node", func(ctx context.Context) error {
		pods, err := c.Client().CoreV1().Pods(core.NamespaceDefault).List(ctx, meta.ListOptions{LabelSelector: "app=worker"})
		if err != nil {
			return err
		}
		ready := 0
		for _, pod := range pods.Items {
			if isReady(pod) && pod.Spec.NodeName != lost.Name() {
				ready++
			}
		}
		if ready != 2 {
			return fmt.Errorf("%d are Ready elsewhere: %s", ready, describe(pods.Items))
		}
		return nil
	})
	t.Logf("the Pods were replaced after %.1f s, they tolerate %s", time.Since(began).Seconds(), c.Times().NodeToleration)
	if err := lost.Return(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node is back", func(ctx context.Context) error { return readiness(ctx, c, lost.Name(), core.ConditionTrue) })
	expectReady(t, c, "worker", 2) // Those that the node has lost are removed.
	if err := lost.Return(t.Context()); err == nil {
		t.Error("a node that is there returns")
	}
}

// readiness says whether a node is as the API server should believe.
func readiness(ctx context.Context, c *cluster.Cluster, name string, want core.ConditionStatus) error {
	node, err := c.Client().CoreV1().Nodes().Get(ctx, name, meta.GetOptions{})
	if err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == core.NodeReady {
			if condition.Status != want {
				return fmt.Errorf("%s is ready: %s, want %s", name, condition.Status, want)
			}
			return nil
		}
	}
	return errors.New("the node says nothing")
}

func TestPrometheusIsStoppedAndFindsItsDataAgain(t *testing.T) {
	c := start(t, 1)
	p, err := c.Prometheus(t.Context(), `
global: {scrape_interval: 1s}
scrape_configs: [{job_name: itself, static_configs: [{targets: ["`+cluster.Address+`:9090"]}]}]
`)
	if err != nil {
		t.Fatal(err)
	}
	const query = `up{job="itself"} == 1`
	eventually(t, "Prometheus scrapes", func(ctx context.Context) error { return queries(ctx, query) })
	p.Stop(time.Minute)
	if err := queries(t.Context(), query); err == nil {
		t.Error("it answers although it is stopped")
	}
	stopped := time.Now().Add(time.Second) // The query below knows whole seconds.
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := queries(t.Context(), fmt.Sprintf("count_over_time(up[1m] @ %d)", stopped.Unix())); err != nil {
		t.Error(err)
	}
}
