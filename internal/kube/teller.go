package kube

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"spillway/internal/ask"
	"spillway/internal/lifecycle"
)

const (
	// tellTimeout bounds one attempt to write an Event, tellRetry is the time to the next.
	tellTimeout = 5 * time.Second
	tellRetry   = 10 * time.Second
	// maxUntold bounds the Events that wait; beyond it faults are series only.
	maxUntold = 1000
	// maxMessage is the API's bound on an Event's message, in bytes; maxPrefix is how much of a name an Event's begins with.
	maxMessage = 1024
	maxPrefix  = 200
)

// told identifies a fault of an autoscaler that has been told, or waits to be.
type told struct {
	uid    types.UID
	reason ask.Reason
	about  string
}

func toldOf(a *autoscaler, f fault) told { return told{a.uid, f.reason, f.about} }

// teller writes Events on autoscalers, each fault once for as long as it lasts. Two exporters that see the same write the
// same Event, which the API server takes once.
type teller struct {
	client  kubernetes.Interface
	metrics *metrics
	now     func() time.Time
	log     *zap.Logger
	woken   chan struct{}

	mu     sync.Mutex
	known  map[told]bool
	untold []*corev1.Event
}

func newTeller(client kubernetes.Interface, m *metrics, now func() time.Time, log *zap.Logger) *teller {
	return &teller{client: client, metrics: m, now: now, log: log, woken: make(chan struct{}, 1), known: map[told]bool{}}
}

// tell has the fault told unless it has been.
func (t *teller) tell(a *autoscaler, f fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known[toldOf(a, f)] || len(t.untold) >= maxUntold {
		return
	}
	t.known[toldOf(a, f)] = true
	t.untold = append(t.untold, t.event(a, f))
	t.log.Warn("an autoscaler asks for what cannot be answered", zap.Stringer("autoscaler", a.Autoscaler),
		zap.String("reason", string(f.reason)), zap.String("message", f.message))
	select {
	case t.woken <- struct{}{}:
	default:
	}
}

// forget lets faults that no longer last be told anew when they come back.
func (t *teller) forget(lasting map[told]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k := range t.known {
		if !lasting[k] {
			delete(t.known, k)
		}
	}
}

// run writes what waits until ctx is done. What fails is tried again, unless it may not be written at all.
func (t *teller) run(ctx context.Context) {
	for {
		event := t.next()
		if event == nil {
			select {
			case <-ctx.Done():
				return
			case <-t.woken:
			}
			continue
		}
		if err := t.write(ctx, event); err != nil && ctx.Err() == nil {
			t.metrics.failures.WithLabelValues(requestEvent).Inc()
			t.log.Debug("writing an event failed", zap.String("event", event.Namespace+"/"+event.Name), zap.Error(err))
		}
		if ctx.Err() != nil {
			return
		}
	}
}

func (t *teller) next() *corev1.Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.untold) == 0 {
		return nil
	}
	event := t.untold[0]
	t.untold = t.untold[1:]
	return event
}

// write tries until the API server has taken the Event or refuses it. An outage does not last because of Events, so one
// that is refused is not tried again.
func (t *teller) write(ctx context.Context, event *corev1.Event) error {
	for {
		bounded, cancel := context.WithTimeout(ctx, tellTimeout)
		_, err := t.client.CoreV1().Events(event.Namespace).Create(bounded, event, metav1.CreateOptions{})
		cancel()
		switch {
		case err == nil, apierrors.IsAlreadyExists(err):
			return nil
		case apierrors.IsForbidden(err), apierrors.IsInvalid(err), apierrors.IsNotFound(err), apierrors.IsBadRequest(err):
			return fmt.Errorf("writing an event: %w", err)
		}
		t.metrics.failures.WithLabelValues(requestEvent).Inc()
		if !lifecycle.Sleep(ctx, tellRetry) {
			return ctx.Err()
		}
	}
}

func (t *teller) event(a *autoscaler, f fault) *corev1.Event {
	sum := sha256.Sum256([]byte(strings.Join([]string{string(a.uid), string(f.reason), f.about}, "\x00")))
	message := f.message
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage-3], "") + "..."
	}
	now := metav1.NewTime(t.now())
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: a.Namespace, Name: a.Name[:min(len(a.Name), maxPrefix)] + "." + hex.EncodeToString(sum[:8])},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler", Namespace: a.Namespace, Name: a.Name, UID: a.uid, ResourceVersion: a.resourceVersion,
		},
		Type: corev1.EventTypeWarning, Reason: string(f.reason), Message: message,
		Source: corev1.EventSource{Component: "backlog-exporter"}, ReportingController: "spillway/backlog-exporter",
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
	}
}
