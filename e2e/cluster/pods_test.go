//go:build linux

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"spillway/e2e/cluster"
)

// pod waits until a Pod is as it should be.
func pod(t *testing.T, c *cluster.Cluster, name string, is func(*core.Pod) error) *core.Pod {
	t.Helper()
	var got *core.Pod
	eventually(t, "the Pod "+name, func(ctx context.Context) error {
		var err error
		if got, err = c.Client().CoreV1().Pods(core.NamespaceDefault).Get(ctx, name, meta.GetOptions{}); err != nil {
			return err
		}
		if err := is(got); err != nil {
			return fmt.Errorf("%w: %s", err, describe([]core.Pod{*got}))
		}
		return nil
	})
	return got
}

func phaseIs(want core.PodPhase) func(*core.Pod) error {
	return func(p *core.Pod) error {
		if p.Status.Phase != want {
			return fmt.Errorf("it is %s, want %s", p.Status.Phase, want)
		}
		return nil
	}
}

func waitsBecause(reason, message string) func(*core.Pod) error {
	return func(p *core.Pod) error {
		for _, status := range p.Status.ContainerStatuses {
			if w := status.State.Waiting; w != nil && w.Reason == reason && strings.Contains(w.Message, message) {
				return nil
			}
		}
		return fmt.Errorf("it does not wait because of %s: %s", reason, message)
	}
}

// remove deletes a Pod and returns how long that took.
func remove(t *testing.T, c *cluster.Cluster, name string) time.Duration {
	t.Helper()
	began := time.Now()
	if _, err := c.Kubectl(t.Context(), "delete", "pod", name, "--wait"); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

func TestPodsRunAsAKubeletRunsThem(t *testing.T) {
	c := start(t, 1)
	if err := c.Apply(t.Context(), "testdata/shells.yaml"); err != nil {
		t.Fatal(err)
	}
	t.Run("environment, volumes and the downward API", func(t *testing.T) {
		got := pod(t, c, "environment", phaseIs(core.PodSucceeded))
		want := strings.Join([]string{
			"name=environment ip=" + got.Status.PodIP + " node=node-1 cpu=2",
			"colour=blue token=secret url=http://environment/blue absent=none",
			"from the config map", "secret", `app="environment"`, `tier="1"`, `topology.kubernetes.io/zone="zone-a"`, "256", "written", "refused", "default", "/scratch", "environment", "",
		}, "\n")
		log, err := c.ContainerLog(core.NamespaceDefault, "environment", "shell")
		if err != nil || log != want {
			t.Errorf("it wrote\n%s\nwant\n%s(%v)", log, want, err)
		}
		shown, err := c.Kubectl(t.Context(), "logs", "environment", "--tail=2")
		if err != nil || shown != "/scratch\nenvironment\n" {
			t.Errorf("kubectl logs shows %q, %v", shown, err)
		}
	})
	t.Run("a sidecar starts before the others and ends after them", func(t *testing.T) {
		expectReady(t, c, "order", 1)
		remove(t, c, "order")
		expectLog(t, c, "order", "sidecar", "first\nsidecar\nmain\nbefore the end\nmain ends\nsidecar ends\n")
	})
	t.Run("what does not end is killed at the end of the grace period", func(t *testing.T) {
		expectReady(t, c, "stubborn", 1)
		if took := remove(t, c, "stubborn"); took < time.Second {
			t.Errorf("it was gone after %s, its grace period is 1 s", took)
		}
	})
	t.Run("what the liveness probe finds sick is started again", func(t *testing.T) {
		pod(t, c, "sick", func(p *core.Pod) error {
			for _, status := range p.Status.ContainerStatuses {
				ended := status.LastTerminationState.Terminated
				if status.RestartCount < 2 || ended == nil {
					continue
				}
				if ended.ExitCode == 3 {
					return nil
				}
				// On a busy machine the signal may come before the shell, which then ends with another code.
				return fmt.Errorf("it ended with %d, want with 3, after SIGTERM", ended.ExitCode)
			}
			return errors.New("it was not started again twice")
		})
	})
	t.Run("what stands for no program is not pulled", func(t *testing.T) {
		pod(t, c, "unknown", waitsBecause("ErrImagePull", `no program stands for the image "nobody/knows:this"`))
	})
	t.Run("what refers to nothing waits, and starts when it is there", func(t *testing.T) {
		pod(t, c, "incomplete", waitsBecause("CreateContainerConfigError", `configmaps "missing" not found`))
		if _, err := c.Kubectl(t.Context(), "create", "configmap", "missing", "--from-literal=A=1"); err != nil {
			t.Fatal(err)
		}
		pod(t, c, "incomplete", phaseIs(core.PodRunning))
	})
	t.Run("what is deleted while it waits is gone at once", func(t *testing.T) {
		if took := remove(t, c, "unknown"); took > 20*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestPrometheusFindsThePodsAndServicesHaveNames(t *testing.T) {
	c := start(t, 1)
	runEmulator(t, c)
	if err := c.Apply(t.Context(), "testdata/worker.yaml"); err != nil {
		t.Fatal(err)
	}
	worker := expectReady(t, c, "worker", 2)[0]
	if _, err := c.Prometheus(t.Context(), `
global: {scrape_interval: 1s}
scrape_configs:
- job_name: pods
  http_sd_configs: [{url: "`+c.DiscoveryURL()+`", refresh_interval: 1s}]
  relabel_configs:
  - {source_labels: [__meta_kubernetes_pod_label_app, __meta_kubernetes_pod_container_port_name], regex: worker;http, action: keep}
  - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Prometheus has scraped the worker", func(ctx context.Context) error {
		return queries(ctx, `up{pod="`+worker.Name+`"} == 1`)
	})
	if _, err := c.KubectlWith(t.Context(), `
apiVersion: v1
kind: Pod
metadata: {name: caller}
spec:
  restartPolicy: Never
  containers:
  - name: shell
    image: bash
    command: [/bash, -c, "for name in worker worker.default worker.default.svc.cluster.local; do exec 3<>/dev/tcp/$name/80; printf 'GET /livez HTTP/1.0\\r\\n\\r\\n' >&3; head -1 <&3; done; getent hosts nobody || echo nobody"]
`, "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	pod(t, c, "caller", phaseIs(core.PodSucceeded))
	log, err := c.ContainerLog(core.NamespaceDefault, "caller", "shell")
	if want := strings.Repeat("HTTP/1.0 200 OK\r\n", 3) + "nobody\n"; err != nil || log != want {
		t.Errorf("a Pod that calls a Service by its names reads %q, want %q (%v)", log, want, err)
	}
}
