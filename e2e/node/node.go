//go:build linux

package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/types"
)

// Node is a node of the cluster. Its methods may be called concurrently, but for Start, Lose, Return and Stop, which are
// called one after the other.
type Node struct {
	opts   Options
	name   string
	log    *zap.Logger
	cancel context.CancelFunc // ends everything below at once; nil while the node is not there
	tasks  sync.WaitGroup     // the loops, and the goroutines of the Pods

	mu   sync.Mutex
	pods map[types.UID]*pod
	next int // the host part of the last Pod's address
}

// New returns a node that has not been started.
func New(opts Options) *Node {
	name := "node-" + strconv.Itoa(opts.Number)
	return &Node{opts: opts, name: name, log: opts.Log.With(zap.String("node", name)), pods: map[types.UID]*pod{}, next: firstHost - 1}
}

// Name is its name: node-1, node-2 and so on.
func (n *Node) Name() string { return n.name }

// Start registers the node and runs it until Stop or Lose. It returns when the Node says that it is ready.
func (n *Node) Start(ctx context.Context) error {
	if err := n.opts.Network.AddNode(n.address()); err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n.cancel = cancel
	closeServer, err := n.serve(running)
	if err == nil {
		n.tasks.Go(func() { <-running.Done(); closeServer() })
		err = n.register(ctx)
	}
	if err != nil {
		n.Stop()
		return fmt.Errorf("starting %s: %w", n.name, err)
	}
	n.tasks.Go(func() { n.renew(running) })
	n.tasks.Go(func() { n.watch(running) })
	return nil
}

// Stop ends the node and its containers at once.
func (n *Node) Stop() { n.Lose() }

// Lose makes the node vanish, as a power cut does: its processes are killed without SIGTERM, its addresses answer no
// longer, and nobody tells the API server. It returns when the processes have ended. Further calls do nothing.
func (n *Node) Lose() {
	if n.cancel == nil {
		return
	}
	n.cancel()
	n.tasks.Wait()
	n.cancel = nil
	n.mu.Lock()
	n.pods = map[types.UID]*pod{}
	n.mu.Unlock()
	if err := n.opts.Network.RemoveNode(n.address()); err != nil {
		n.log.Error("the address stays", zap.Error(err))
	}
}

// Return lets a lost node come back, as after a reboot: Pods that are still bound to it begin again, those that were
// deleted meanwhile are removed.
func (n *Node) Return(ctx context.Context) error {
	if n.cancel != nil {
		return errors.New("the node is there")
	}
	return n.Start(ctx)
}

// Crash kills the program of a container, as a crash does. What its restart policy says follows.
func (n *Node) Crash(namespace, pod, container string) error {
	for _, i := range n.incarnations() {
		if i.namespace == namespace && i.pod == pod && i.container == container {
			if err := syscall.Kill(i.pid, syscall.SIGKILL); err != nil {
				return fmt.Errorf("killing container %s of %s/%s: %w", container, namespace, pod, err)
			}
			return nil
		}
	}
	return fmt.Errorf("container %s of %s/%s does not run on %s", container, namespace, pod, n.name)
}

// PodLogs is the folder of the containers' logs, below Options.Dir.
const PodLogs = "pods"

// LogPath is the file that holds what a container writes, over all its restarts, below Options.Dir.
func LogPath(dir, namespace, pod, container string) string {
	return filepath.Join(dir, PodLogs, namespace+"_"+pod+"_"+container+".log")
}

// The host parts of a node's Pod addresses.
const firstHost, lastHost = 2, 254

// allocate returns a free host part: the longest unused one, so that an address is not given anew while somebody may
// still believe in the last Pod that had it. The caller holds mu.
func (n *Node) allocate() (int, error) {
	used := map[int]bool{}
	for _, p := range n.pods {
		used[p.host] = true
	}
	for range lastHost - firstHost + 1 {
		if n.next++; n.next > lastHost {
			n.next = firstHost
		}
		if !used[n.next] {
			return n.next, nil
		}
	}
	return 0, fmt.Errorf("%s has no address left", n.name)
}

// snapshot returns the Pods that are running.
func (n *Node) snapshot() []*pod {
	n.mu.Lock()
	defer n.mu.Unlock()
	pods := make([]*pod, 0, len(n.pods))
	for _, p := range n.pods {
		pods = append(pods, p)
	}
	return pods
}

// forget removes a Pod that is gone.
func (n *Node) forget(uid types.UID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.pods, uid)
}
