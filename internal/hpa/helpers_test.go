package hpa_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/hpa"
)

const target = 40000 * hpa.Unit

// shop is the flow of the documents that started the project: 2 to 20 pods, one per 40000 messages.
func shop(b *hpa.Behavior) hpa.Spec {
	return hpa.Spec{MinReplicas: 2, MaxReplicas: 20, AverageValue: target, Behavior: b}
}

// atOnce is a scale-down that neither windows nor rates hold back.
func atOnce() *hpa.Rules { return &hpa.Rules{StabilizationWindow: new(time.Duration(0))} }

// gently is the scale-down of 300 s and 20 % a minute.
func gently() *hpa.Rules {
	return &hpa.Rules{
		StabilizationWindow: new(300 * time.Second),
		Policies:            []hpa.Policy{{Type: hpa.Percent, Value: 20, Period: time.Minute}},
	}
}

func percent(value int32, period time.Duration) hpa.Policy {
	return hpa.Policy{Type: hpa.Percent, Value: value, Period: period}
}

func pods(value int32, period time.Duration) hpa.Policy {
	return hpa.Policy{Type: hpa.Pods, Value: value, Period: period}
}

func backlog(messages int64) hpa.Metric { return hpa.Value(hpa.Milli(messages) * hpa.Unit) }

// rig is a scale target whose pods start and stop at once, and its autoscaler.
type rig struct {
	c        *hpa.Controller
	start    time.Time
	now      time.Time
	replicas int32
}

func newRig(t *testing.T, spec hpa.Spec, replicas int32) *rig {
	t.Helper()
	c, err := hpa.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, time.November, 27, 9, 0, 0, 0, time.UTC)
	return &rig{c: c, start: start, now: start, replicas: replicas}
}

// sync decides at the present instant, makes the change and lets one period pass.
func (r *rig) sync(m hpa.Metric) hpa.Decision {
	d := r.c.Sync(r.now, r.replicas, r.replicas, m)
	r.replicas = d.Desired
	r.now = r.now.Add(hpa.SyncPeriod)
	return d
}

// change is a number of replicas and the seconds after the rig's start at which it came.
type change struct {
	At       int
	Replicas int32
}

// watch syncs with one metric for the given time and lists the changes.
func (r *rig) watch(m hpa.Metric, lasting time.Duration) []change {
	var changes []change
	for end := r.now.Add(lasting); r.now.Before(end); {
		at := r.now
		if d := r.sync(m); d.Rescale {
			changes = append(changes, change{int(at.Sub(r.start).Seconds()), d.Desired})
		}
	}
	return changes
}

func expect[T any](t *testing.T, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func expectDecision(t *testing.T, got hpa.Decision, desired int32, reason hpa.Reason) {
	t.Helper()
	if got.Desired != desired || got.Reason != reason {
		t.Errorf("desired %d because of %s (proposed %d); want %d because of %s", got.Desired, got.Reason, got.Proposed, desired, reason)
	}
}
