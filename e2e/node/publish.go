//go:build linux

package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.uber.org/zap"
	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// retryEvery is the pause before the API server is asked again, and askWithin bounds one question.
const (
	retryEvery = 500 * time.Millisecond
	askWithin  = 10 * time.Second
)

// publish writes the status each time that it changes, until finished is closed and the last one is written. What the
// API server does not take is offered again, so that its outage loses nothing.
func (p *pod) publish(ctx context.Context, finished <-chan struct{}) {
	var last []byte
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.changed:
			last = p.write(ctx, last)
		case <-finished:
			select {
			case <-p.changed:
				p.write(ctx, last)
			default:
			}
			return
		}
	}
}

// write writes the status until it is written, or nobody wants it, and returns what it has written.
func (p *pod) write(ctx context.Context, last []byte) []byte {
	for ctx.Err() == nil {
		patch, err := p.patch()
		if err != nil {
			p.log.Error("the status is not written", zap.Error(err))
			return last
		}
		if bytes.Equal(patch, last) {
			return last
		}
		object := p.object()
		attempt, cancel := context.WithTimeout(ctx, askWithin)
		updated, err := p.node.opts.Client.CoreV1().Pods(object.Namespace).Patch(attempt, object.Name, types.StrategicMergePatchType, patch, meta.PatchOptions{}, "status")
		cancel()
		switch {
		case err == nil:
			p.remember(updated)
			return patch
		case apierrors.IsNotFound(err), apierrors.IsConflict(err): // It is gone, or another Pod has its name.
			return patch
		case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
			p.log.Error("the status is refused", zap.Error(err))
			return patch
		}
		p.sleep(ctx, retryEvery)
	}
	return last
}

// patch is the status as a patch that misses another Pod of the same name.
func (p *pod) patch() ([]byte, error) {
	object := p.object()
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": object.UID}, "status": p.status()})
	if err != nil {
		return nil, fmt.Errorf("encoding a status: %w", err)
	}
	return patch, nil
}

// remember takes over the conditions that were written, so that the next status keeps their times, even before the watch
// brings them.
func (p *pod) remember(updated *core.Pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	spec := p.spec.DeepCopy()
	spec.Status.Conditions = updated.Status.Conditions
	p.spec = spec
}

// remove deletes the object of a Pod that has ended, until it is gone.
func (p *pod) remove(ctx context.Context) {
	object := p.object()
	zero := int64(0)
	options := meta.DeleteOptions{GracePeriodSeconds: &zero, Preconditions: &meta.Preconditions{UID: &object.UID}}
	for ctx.Err() == nil {
		attempt, cancel := context.WithTimeout(ctx, askWithin)
		err := p.node.opts.Client.CoreV1().Pods(object.Namespace).Delete(attempt, object.Name, options)
		cancel()
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return
		}
		p.log.Warn("the Pod is not removed yet", zap.Error(err))
		p.sleep(ctx, retryEvery)
	}
}

// sleep waits, but not longer than the node lives.
func (p *pod) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
