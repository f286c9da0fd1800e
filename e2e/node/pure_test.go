//go:build linux

package node

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"

	"spillway/e2e/process"
)

func TestAnImageIsFoundByItsName(t *testing.T) {
	images := Images{"spillway/worker": {Program: "any"}, "spillway/worker:v2": {Program: "second"}, "registry:5000/app": {Program: "app"}}
	for name, want := range map[string]string{
		"spillway/worker":                "any",
		"spillway/worker:v1":             "any",
		"spillway/worker:v2":             "second",
		"spillway/worker@sha256:abcd":    "any",
		"spillway/worker:v1@sha256:abcd": "any",
		"registry:5000/app":              "app",
		"registry:5000/app:v1":           "app",
		"spillway/other":                 "",
		"other/spillway/worker":          "",
	} {
		if image, ok := images.find(name); image.Program != want || ok != (want != "") {
			t.Errorf("%s is %q, want %q", name, image.Program, want)
		}
	}
}

func TestVariablesAreExpanded(t *testing.T) {
	env := []string{"A=1", "B=two words", "EMPTY="}
	for text, want := range map[string]string{
		"plain":         "plain",
		"--a=$(A)":      "--a=1",
		"$(A)$(B)":      "1two words",
		"$(EMPTY)x":     "x",
		"$(UNKNOWN)":    "$(UNKNOWN)",
		"$$(A)":         "$(A)",
		"$$$(A)":        "$1",
		"$A ${A} $":     "$A ${A} $",
		"$(A":           "$(A",
		"cost: 5$ $(A)": "cost: 5$ 1",
	} {
		if got := expand(text, env); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestResourcesOfTheDownwardAPI(t *testing.T) {
	object := &core.Pod{Spec: core.PodSpec{Containers: []core.Container{
		{Name: "app", Resources: core.ResourceRequirements{
			Requests: core.ResourceList{"cpu": resource.MustParse("250m")},
			Limits:   core.ResourceList{"memory": resource.MustParse("256Mi")},
		}},
		{Name: "other", Resources: core.ResourceRequirements{Limits: core.ResourceList{"cpu": resource.MustParse("1500m")}}},
	}}}
	for _, test := range []struct {
		ref  core.ResourceFieldSelector
		want string
	}{
		{core.ResourceFieldSelector{Resource: "limits.memory"}, "268435456"},
		{core.ResourceFieldSelector{Resource: "limits.memory", Divisor: resource.MustParse("1Mi")}, "256"},
		{core.ResourceFieldSelector{Resource: "requests.cpu"}, "1"},
		{core.ResourceFieldSelector{Resource: "requests.cpu", Divisor: resource.MustParse("1m")}, "250"},
		{core.ResourceFieldSelector{Resource: "requests.memory"}, "0"},
		{core.ResourceFieldSelector{Resource: "limits.cpu"}, "16"},
		{core.ResourceFieldSelector{Resource: "limits.cpu", ContainerName: "other"}, "2"},
		{core.ResourceFieldSelector{Resource: "limits.cpu", ContainerName: "nobody"}, `error: there is no container "nobody"`},
		{core.ResourceFieldSelector{Resource: "limits.gold"}, `error: the node does not know the resource "limits.gold"`},
	} {
		got, err := resourceOf(object, &object.Spec.Containers[0], &test.ref)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != test.want {
			t.Errorf("%+v is %q, want %q", test.ref, got, test.want)
		}
	}
}

func TestTheTailOfALog(t *testing.T) {
	for _, test := range []struct {
		content string
		lines   int
		want    string
	}{
		{"a\nb\nc\n", 2, "b\nc\n"},
		{"a\nb\nc\n", 3, "a\nb\nc\n"},
		{"a\nb\nc\n", 9, "a\nb\nc\n"},
		{"a\nb\nc\n", 0, ""},
		{"a\nb", 1, "b"},
		{"\n\n\n", 1, "\n"},
		{"", 5, ""},
		{"", 0, ""},
	} {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := seekTail(file, test.lines); err != nil {
			t.Errorf("%d of %q: %v", test.lines, test.content, err)
		}
		got := make([]byte, 100)
		n, _ := file.Read(got)
		if string(got[:n]) != test.want {
			t.Errorf("%d of %q: %q, want %q", test.lines, test.content, got[:n], test.want)
		}
		_ = file.Close()
	}
}

func TestTheMetricsThatMetricsServerReads(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	got := render([]incarnation{
		{7, now.Add(-90 * time.Second), "shop", "worker-1", "worker"},
		{8, now, "shop", "worker-2", "ended"},
	}, map[int]process.Usage{7: {CPU: 1230 * time.Millisecond, RSS: 4096}}, now)
	want := strings.TrimPrefix(`
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="worker",namespace="shop",pod="worker-1"} 1.23 1700000000000
# TYPE node_cpu_usage_seconds_total counter
node_cpu_usage_seconds_total 1.24 1700000000000
# TYPE container_memory_working_set_bytes gauge
container_memory_working_set_bytes{container="worker",namespace="shop",pod="worker-1"} 4096 1700000000000
# TYPE node_memory_working_set_bytes gauge
node_memory_working_set_bytes 4097 1700000000000
# TYPE container_start_time_seconds gauge
container_start_time_seconds{container="worker",namespace="shop",pod="worker-1"} 1699999910.000
`, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestThePhaseOfAPod(t *testing.T) {
	ended := func(code int32) core.ContainerStatus {
		return core.ContainerStatus{State: core.ContainerState{Terminated: &core.ContainerStateTerminated{ExitCode: code}}}
	}
	running := core.ContainerStatus{State: core.ContainerState{Running: &core.ContainerStateRunning{}}}
	pending := core.ContainerStatus{State: waiting("ContainerCreating", "")}
	again := core.ContainerStatus{State: waiting("CrashLoopBackOff", ""), LastTerminationState: ended(1).State}
	for _, test := range []struct {
		name     string
		policy   core.RestartPolicy
		mains    []core.ContainerStatus
		stopping bool
		want     core.PodPhase
	}{
		{"nothing runs yet", core.RestartPolicyAlways, []core.ContainerStatus{pending}, false, core.PodPending},
		{"it runs", core.RestartPolicyAlways, []core.ContainerStatus{running}, false, core.PodRunning},
		{"one waits for its restart", core.RestartPolicyAlways, []core.ContainerStatus{again}, false, core.PodRunning},
		{"one has ended and will run again", core.RestartPolicyAlways, []core.ContainerStatus{ended(0)}, false, core.PodRunning},
		{"it was deleted and ended well", core.RestartPolicyAlways, []core.ContainerStatus{ended(0)}, true, core.PodSucceeded},
		{"it was deleted and ended badly", core.RestartPolicyAlways, []core.ContainerStatus{ended(0), ended(137)}, true, core.PodFailed},
		{"it was deleted and has not ended", core.RestartPolicyAlways, []core.ContainerStatus{ended(0), running}, true, core.PodRunning},
		{"a job has ended well", core.RestartPolicyNever, []core.ContainerStatus{ended(0)}, false, core.PodSucceeded},
		{"a job has failed", core.RestartPolicyNever, []core.ContainerStatus{ended(3)}, false, core.PodFailed},
		{"a job has failed and will run again", core.RestartPolicyOnFailure, []core.ContainerStatus{ended(3)}, false, core.PodRunning},
		{"a repeated job has ended well", core.RestartPolicyOnFailure, []core.ContainerStatus{ended(0)}, false, core.PodSucceeded},
	} {
		t.Run(test.name, func(t *testing.T) {
			spec := &core.Pod{Spec: core.PodSpec{RestartPolicy: test.policy}}
			if got := phase(spec, nil, test.mains, test.stopping); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func TestAddressesAreUsedInTurn(t *testing.T) {
	n := &Node{name: "node-1", pods: map[types.UID]*pod{}, next: firstHost - 1}
	for want := firstHost; want <= lastHost; want++ {
		host, err := n.allocate()
		if err != nil || host != want {
			t.Fatalf("%d, %v, want %d", host, err, want)
		}
		n.pods[types.UID(strconv.Itoa(host))] = &pod{host: host}
	}
	if _, err := n.allocate(); err == nil {
		t.Error("there is an address where all are used")
	}
	delete(n.pods, "77")
	if host, err := n.allocate(); err != nil || host != 77 {
		t.Errorf("%d, %v, want the free one", host, err)
	}
}
