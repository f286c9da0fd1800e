//go:build linux

package node

import (
	"context"

	"go.uber.org/zap"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/tools/cache"
)

// watch follows the Pods that are bound to the node until the context is done. An outage of the API server ends nothing:
// the Pods run on, and the list is taken anew.
func (n *Node) watch(ctx context.Context) {
	client := n.opts.Client.CoreV1().RESTClient()
	source := cache.NewListWatchFromClient(client, "pods", core.NamespaceAll, fields.OneTermEqualSelector("spec.nodeName", n.name))
	_, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: source, ObjectType: &core.Pod{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { n.see(ctx, o) },
			UpdateFunc: func(_, o any) { n.see(ctx, o) },
			DeleteFunc: n.miss,
		},
	})
	controller.RunWithContext(ctx)
}

// see starts a Pod that is new, or tells the one that runs what it is now.
func (n *Node) see(ctx context.Context, object any) {
	spec, ok := object.(*core.Pod)
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if running, ok := n.pods[spec.UID]; ok {
		running.update(spec)
		return
	}
	if spec.Status.Phase == core.PodSucceeded || spec.Status.Phase == core.PodFailed {
		if spec.DeletionTimestamp == nil {
			return
		}
	}
	host, err := n.allocate()
	if err != nil {
		n.log.Error("a Pod is not run", zap.String("pod", spec.Namespace+"/"+spec.Name), zap.Error(err))
		return
	}
	p := newPod(n, spec, host)
	n.pods[spec.UID] = p
	n.tasks.Go(func() { p.run(ctx) })
}

// miss ends a Pod whose object is gone without having been deleted in order, as with --force.
func (n *Node) miss(object any) {
	if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	spec, ok := object.(*core.Pod)
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if running, ok := n.pods[spec.UID]; ok {
		running.terminate(0)
	}
}
