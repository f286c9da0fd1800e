//go:build linux

package manifests_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"spillway/deploy"
	"spillway/e2e/cluster"
	"spillway/e2e/node"
	"spillway/e2e/process"
	"spillway/e2e/programs"
	"spillway/internal/testenv"
)

// within bounds every wait. The machine may be busy.
const within = 2 * time.Minute

// cloud is where Pub/Sub and Cloud Monitoring are on this machine.
const cloud = cluster.Address + ":8085"

// TestTheDocumentedWay follows docs/kubernetes.md, "Any other cluster", with the commands that stand there, to a worker that
// scales. What differs is Google Cloud, which is the emulator here, ten times as fast.
func TestTheDocumentedWay(t *testing.T) {
	c := startWith(t, node.Images{"registry.example/spillway/worker": {Program: own(t, "worker")}, "registry.example/spillway/backlog-exporter": {Program: own(t, "backlog-exporter")}})
	spillway := own(t, "spillway")
	if _, err := c.Run(t.Context(), process.Spec{
		Name: "emulator", Path: spillway, Ready: process.Answers(nil, "http://"+cloud+"/metrics"),
		Args: []string{"emulator", "--listen=" + cloud, "--project=shop", "--create=offers:offers", "--monitoring-speed=10"},
	}); err != nil {
		t.Fatal(err)
	}
	project := t.TempDir()
	if err := os.CopyFS(filepath.Join(project, "deploy"), deploy.Manifests()); err != nil {
		t.Fatal(err)
	}
	write(t, project, "credentials.json", "{}")
	write(t, project, "deploy/here/kustomization.yaml", here)
	follow(t, c, project)

	t.Run("the autoscaler reads the backlog", func(t *testing.T) {
		eventually(t, c, "True", "get", "apiservice", "v1beta1.external.metrics.k8s.io", `--output=jsonpath={.status.conditions[?(@.type=="Available")].status}`)
		eventually(t, c, "2", "get", "deployment", "worker", "--namespace=spillway", "--output=jsonpath={.status.readyReplicas}")
		eventually(t, c, "True", "get", "hpa", "worker", "--namespace=spillway", `--output=jsonpath={.status.conditions[?(@.type=="ScalingActive")].status}`)
	})
	t.Run("doctor finds nothing", func(t *testing.T) {
		out, err := run(t, c, spillway, "doctor", "hpa/worker", "--namespace=spillway", "--monitoring-endpoint="+cloud, "--fresh-for=24s")
		if err != nil || strings.Contains(out, "\nfailed") {
			t.Errorf("%v:\n%s", err, out)
		}
	})
	t.Run("a flood scales it", func(t *testing.T) {
		if out, err := run(t, c, spillway, "load", "--project=shop", "--topic=offers", "--rate=10000", "--for=15s"); err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		deadline := time.Now().Add(within)
		for {
			pods, err := strconv.Atoi(kubectl(t, c, "get", "deployment", "worker", "--namespace=spillway", "--output=jsonpath={.status.readyReplicas}"))
			if err == nil && pods > 2 {
				t.Logf("%d pods are ready", pods)
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d pods, want more than 2:\n%s", pods, kubectl(t, c, "describe", "hpa", "worker", "--namespace=spillway"))
			}
			pause(t)
		}
	})
}

// here is the one machine: the reader's folder with the emulator in Google's place.
const here = `resources: [../offers]
patches:
- target: {kind: Deployment, name: worker}
  patch: |
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: worker}
    spec: {template: {spec: {containers: [{name: worker, env: [{name: PUBSUB_EMULATOR_HOST, value: "` + cloud + `"}]}]}}}
- target: {kind: Deployment, name: backlog-exporter}
  patch: |
    - {op: add, path: /spec/template/spec/containers/0/args/-, value: --monitoring-endpoint=` + cloud + `}
    - {op: add, path: /spec/template/spec/containers/0/args/-, value: --poll-interval=6s}
    - {op: add, path: /spec/template/spec/containers/0/args/-, value: --fresh-for=24s}
    - {op: add, path: /spec/template/spec/containers/0/args/-, value: --hold=30s}
- target: {kind: ServiceMonitor}
  patch: |
    $patch: delete
    kind: any
    metadata: {name: any}
`

// follow runs the page's commands but for those about Google Cloud, Helm and other answers than the exporter's own.
func follow(t *testing.T, c *cluster.Cluster, project string) {
	t.Helper()
	var script strings.Builder
	for _, line := range testenv.Commands(t, "../../docs/kubernetes.md", "4. Any other cluster") {
		offer, isOffer := strings.CutPrefix(line, "# ")
		switch {
		case isOffer && strings.Contains(offer, "handler-work"):
			script.WriteString(offer + "\n")
		case strings.HasPrefix(line, "kubectl apply "):
			script.WriteString("kubectl apply -k deploy/here\n")
		case strings.HasPrefix(line, "gcloud "), strings.HasPrefix(line, "kubectl get "), strings.HasPrefix(line, "helm "), strings.HasPrefix(line, "  --set"), isOffer:
		default:
			script.WriteString(line + "\n")
		}
		if strings.HasPrefix(line, "kubectl apply ") {
			break // The first answer is the exporter's own; the others follow.
		}
	}
	out, err := run(t, c, "bash", "-euxc", "cd "+project+"\nexport PROJECT=shop SUBSCRIPTION=offers REGISTRY=registry.example/spillway VERSION=v1\n"+script.String())
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
}

// run runs a program as the cluster's administrator.
func run(t *testing.T, c *cluster.Cluster, program string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "KUBECONFIG=" + c.Kubeconfig(), "PUBSUB_EMULATOR_HOST=" + cloud}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// eventually waits until kubectl prints what is wanted.
func eventually(t *testing.T, c *cluster.Cluster, want string, args ...string) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		got := kubectl(t, c, args...)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("kubectl %s prints %q, want %q:\n%s", strings.Join(args, " "), got, want, kubectl(t, c, "get", "pods,hpa,apiservices,events", "--all-namespaces"))
		}
		pause(t)
	}
}

func pause(t *testing.T) {
	t.Helper()
	select {
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	case <-time.After(200 * time.Millisecond):
	}
}

func own(t *testing.T, name string) string {
	t.Helper()
	path, err := programs.Own(name)
	if err != nil {
		testenv.Skip(t, err.Error())
	}
	return path
}
