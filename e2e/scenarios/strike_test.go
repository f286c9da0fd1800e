package scenarios

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"spillway/e2e/cluster"
	"spillway/e2e/node"
	"spillway/e2e/report"
)

// The Deployments, which their containers, labels and the autoscaler are named after.
const (
	worker   = "worker"
	exporter = "backlog-exporter"
)

// killTheExporter kills it with SIGKILL whenever it starts, as the kernel does that is out of memory. What mends it is
// what a person does who is tired of waiting for its back-off: the Pod is deleted, and another takes its place.
func (f *faults) killTheExporter() (mend func()) {
	f.t.Helper()
	pod := f.podsOf(f.t.Context(), exporter)[0].Name
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.t.Context()))
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(10 * time.Millisecond) // Before it can have read anything.
		defer ticker.Stop()
		for {
			for _, n := range f.cluster.Nodes() {
				_ = n.Crash(namespace, pod, exporter) // That it does not run is the rule.
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	})
	stop := func() {
		cancel()
		done.Wait()
	}
	f.t.Cleanup(stop)
	return func() {
		stop()
		if restarts := restarts(&f.podsOf(f.t.Context(), exporter)[0]); restarts < 3 {
			f.t.Errorf("the exporter was started again %d times only", restarts)
		}
		f.kubectl("delete", "pod", pod, "--namespace="+namespace)
		f.ready(namespace, exporter, 1)
	}
}

// stopPrometheus stops it, and lets it find its data again.
func (f *faults) stopPrometheus() (mend func()) {
	p := f.cluster.Process("prometheus")
	p.Stop(time.Minute)
	return func() {
		if err := p.Start(f.t.Context()); err != nil {
			f.t.Fatal(err)
		}
	}
}

// silenceMonitoring lets samples be missing for a while, for good. It mends itself.
func (f *faults) silenceMonitoring() (mend func()) {
	if err := f.state.faults(f.t.Context(), nil, []string{"gap,for=" + f.wall(silentFor).String()}); err != nil {
		f.t.Fatal(err)
	}
	return func() {}
}

// killTheAPIServer takes it away while a burst comes that is worth more pods, and starts it again: workers work
// on, none of them is replaced, and the autoscaler takes up where it was.
func (f *faults) killTheAPIServer(burst int64, pods int32) {
	f.t.Helper()
	before, handled, begun := f.podsOf(f.t.Context(), worker), f.book.Counts().Handled, f.now()
	server := f.cluster.Process(cluster.APIServer)
	server.Kill()
	f.src.burst.Add(burst)
	f.reached(begun + f.wall(awayFor))
	if handled = f.book.Counts().Handled - handled; handled == 0 {
		f.t.Fatal("nothing was handled while the API server was away")
	}
	if err := server.Start(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	back := f.now()
	f.settled(pods)
	least := f.held("the API server away", f.watch.since(worker, begun), int32(len(before)), wanted)
	after := map[types.UID]*corev1.Pod{}
	for _, pod := range f.podsOf(f.t.Context(), worker) {
		after[pod.UID] = &pod
	}
	for i := range before {
		if p := after[before[i].UID]; p == nil || restarts(p) != restarts(&before[i]) {
			f.t.Fatalf("%s was replaced or started again", before[i].Name)
		}
	}
	note(f.section, "kube-apiserver away for %s of the story, while a burst came: %d messages handled, the autoscaler never wanted fewer than %d pods, each stayed; %d pods %s after it was back",
		f.story(back-begun), handled, least, pods, f.story(f.now()-back))
}

// loseTheExportersNode loses the node with the exporter and some of the workers: the other node gets what was lost, and
// the autoscaler keeps its pods until the exporter's successor tells it something. When the adapter is lost too, its question
// can hang for a minute, and it does not even say that it cannot read. It returns how many messages may be
// handled twice.
func (f *faults) loseTheExportersNode(pods int32) int64 {
	f.t.Helper()
	name := f.podsOf(f.t.Context(), exporter)[0].Spec.NodeName
	killed := 0
	for _, pod := range f.podsOf(f.t.Context(), worker) {
		if pod.Spec.NodeName == name {
			killed++
		}
	}
	if killed == 0 {
		f.t.Fatal("no worker is on the node that is lost")
	}
	begun := f.now()
	f.nodeCalled(name).Lose()
	f.until(patience, func(ctx context.Context) error {
		for deployment, want := range map[string]int32{worker: pods, exporter: 1} {
			if got := f.readyElsewhere(ctx, deployment, name); got != want {
				return fmt.Errorf("%d pods of %s are ready on the other node, want %d", got, deployment, want)
			}
		}
		return nil
	})
	replaced := f.now()
	f.settled(pods)
	points := f.watch.since(worker, begun)
	least := f.held("a node lost", points, pods, wanted)
	if !slices.ContainsFunc(points, func(p report.Point) bool { return p.Metric == nil }) {
		f.t.Fatal("the autoscaler was told something all the time, although the exporter was lost")
	}
	note(f.section, "a node lost with the exporter and %d of %d workers: replaced on the other node after %s of the story, and the autoscaler told something after %s; "+
		"it never wanted fewer than %d pods at %d looks", killed, pods, f.story(replaced-begun), f.story(f.now()-begun), least, len(points))
	return killedBound(killed)
}

func (f *faults) nodeCalled(name string) *node.Node {
	f.t.Helper()
	for _, n := range f.cluster.Nodes() {
		if n.Name() == name {
			return n
		}
	}
	f.t.Fatalf("no node is called %q", name)
	return nil
}

// podsOf are the Pods of a Deployment that are not about to go.
func (f *faults) podsOf(ctx context.Context, deployment string) []corev1.Pod {
	f.t.Helper()
	list, err := f.cluster.Client().CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=" + deployment})
	if err != nil {
		f.t.Fatal(err)
	}
	staying := list.Items[:0]
	for _, pod := range list.Items {
		if pod.DeletionTimestamp == nil {
			staying = append(staying, pod)
		}
	}
	if len(staying) == 0 {
		f.t.Fatalf("%s has no Pod", deployment)
	}
	return staying
}

// readyElsewhere is how many Pods of a Deployment are ready on other nodes.
func (f *faults) readyElsewhere(ctx context.Context, deployment, lost string) int32 {
	f.t.Helper()
	ready := int32(0)
	for _, pod := range f.podsOf(ctx, deployment) {
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && pod.Spec.NodeName != lost {
				ready++
			}
		}
	}
	return ready
}

// restarts are those of all containers of a Pod.
func restarts(pod *corev1.Pod) int32 {
	sum := int32(0)
	for _, containers := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range containers {
			sum += containers[i].RestartCount
		}
	}
	return sum
}
