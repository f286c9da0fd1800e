//go:build linux

package node

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"spillway/e2e/process"
)

// serveResources writes what metrics-server asks a kubelet for: CPU, memory and start of every running container, and
// the sums as the node's.
func (n *Node) serveResources(w http.ResponseWriter, _ *http.Request) {
	incarnations := n.incarnations()
	pids := make([]int, 0, len(incarnations))
	for _, i := range incarnations {
		pids = append(pids, i.pid)
	}
	usages, err := process.Usages(pids)
	if err != nil {
		n.log.Error("the resources are not known", zap.Error(err))
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	_, _ = w.Write([]byte(render(incarnations, usages, time.Now())))
}

// incarnation is a running container.
type incarnation struct {
	pid                       int
	since                     time.Time
	namespace, pod, container string
}

// incarnations lists the running containers.
func (n *Node) incarnations() []incarnation {
	var out []incarnation
	for _, p := range n.snapshot() {
		object := p.object()
		for _, list := range [][]*container{p.inits, p.mains} {
			for _, c := range list {
				c.mu.Lock()
				if c.process != nil {
					out = append(out, incarnation{c.process.cmd.Process.Pid, c.process.since, object.Namespace, object.Name, c.spec.Name})
				}
				c.mu.Unlock()
			}
		}
	}
	return out
}

// render writes the text. metrics-server takes the times of the values from it.
func render(incarnations []incarnation, usages map[int]process.Usage, now time.Time) string {
	var cpu, memory, start strings.Builder
	var total process.Usage
	stamp := now.UnixMilli()
	for _, i := range incarnations {
		usage, ok := usages[i.pid]
		if !ok {
			continue // It has ended since.
		}
		labels := fmt.Sprintf("{container=%q,namespace=%q,pod=%q}", i.container, i.namespace, i.pod)
		_, _ = fmt.Fprintf(&cpu, "container_cpu_usage_seconds_total%s %.2f %d\n", labels, usage.CPU.Seconds(), stamp)
		_, _ = fmt.Fprintf(&memory, "container_memory_working_set_bytes%s %d %d\n", labels, usage.RSS, stamp)
		_, _ = fmt.Fprintf(&start, "container_start_time_seconds%s %.3f\n", labels, float64(i.since.UnixMilli())/1e3)
		total.CPU += usage.CPU
		total.RSS += usage.RSS
	}
	// metrics-server takes a node without any use for one that is not measured.
	_, _ = fmt.Fprintf(&cpu, "# TYPE node_cpu_usage_seconds_total counter\nnode_cpu_usage_seconds_total %.2f %d\n", total.CPU.Seconds()+0.01, stamp)
	_, _ = fmt.Fprintf(&memory, "# TYPE node_memory_working_set_bytes gauge\nnode_memory_working_set_bytes %d %d\n", total.RSS+1, stamp)
	return "# TYPE container_cpu_usage_seconds_total counter\n" + cpu.String() +
		"# TYPE container_memory_working_set_bytes gauge\n" + memory.String() +
		"# TYPE container_start_time_seconds gauge\n" + start.String()
}
