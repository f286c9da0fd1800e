package hpa_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"spillway/internal/hpa"
)

// FuzzSync drives random autoscalers through random days and holds every decision against what must be true of all of them.
func FuzzSync(f *testing.F) {
	for seed := range uint64(64) {
		f.Add(seed, uint8(200))
	}
	f.Fuzz(func(t *testing.T, seed uint64, length uint8) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		spec := randomSpec(rnd)
		steps := randomSteps(rnd, int(length))
		checkDecisions(t, spec, steps)
		checkMonotone(t, spec, steps)
		checkErrorsLeaveNoTrace(t, spec, steps)
		checkReconcile(t, spec, steps)
	})
}

// step is one sync: how long after the last one, what it sees, and how far the replicas have been moved by hand before it.
type step struct {
	after  time.Duration
	metric hpa.Metric
	moved  int32
	lag    int32 // How many of the pods that were asked for do not exist.
}

func checkDecisions(t *testing.T, spec hpa.Spec, steps []step) {
	t.Helper()
	replay(t, spec, steps, func(from int32, d hpa.Decision) {
		if d.Rescale != (d.Desired != from) {
			t.Errorf("from %d: %+v says the wrong thing about a rescale", from, d)
		}
		lo, hi := max(spec.MinReplicas, 1), spec.MaxReplicas
		switch {
		case from == 0 || d.Err != nil:
			if d.Rescale {
				t.Errorf("from %d: %+v moves what is disabled or frozen", from, d)
			}
			return
		case d.Desired < lo || d.Desired > hi:
			t.Errorf("from %d: %+v is out of %d..%d", from, d, lo, hi)
		case d.Proposed < 0:
			return
		}
		want := min(max(d.Proposed, lo), hi)
		if spec.Behavior != nil && (d.Desired < min(from, want) || d.Desired > max(from, want)) {
			t.Errorf("from %d: %+v is not on the way to %d", from, d, want)
		}
		if spec.Behavior == nil && d.Desired < want && d.Reason != hpa.ReasonScaleUpLimit {
			t.Errorf("from %d: %+v falls below the proposal", from, d)
		}
	})
}

// checkMonotone ends the same day with two values: the larger one never gets fewer replicas.
func checkMonotone(t *testing.T, spec hpa.Spec, steps []step) {
	t.Helper()
	if len(steps) == 0 || steps[len(steps)-1].metric.Err != nil {
		return
	}
	more := slices.Clone(steps)
	last := &more[len(more)-1]
	last.metric = hpa.Value(last.metric.Items[0] + last.metric.Items[0]/7 + 1)
	less, greater := replay(t, spec, steps, nil), replay(t, spec, more, nil)
	if greater[len(greater)-1].Desired < less[len(less)-1].Desired {
		t.Errorf("%v gives %+v, %v gives %+v", steps[len(steps)-1].metric, less[len(less)-1], last.metric, greater[len(greater)-1])
	}
}

// checkErrorsLeaveNoTrace leaves out the syncs that an unreadable metric froze, but for the first: nothing else may change.
func checkErrorsLeaveNoTrace(t *testing.T, spec hpa.Spec, steps []step) {
	t.Helper()
	all := replay(t, spec, steps, nil)
	var readable []step
	var skipped time.Duration
	for i, s := range steps {
		if i > 0 && frozen(all[i]) && s.moved == 0 {
			skipped += s.after
			continue
		}
		s.after += skipped
		skipped = 0
		readable = append(readable, s)
	}
	expectEqual(t, slices.DeleteFunc(replay(t, spec, readable, nil), frozen), slices.DeleteFunc(all, frozen))
}

func frozen(d hpa.Decision) bool { return d.Err != nil }

func expectEqual(t *testing.T, want, got []hpa.Decision) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatalf("%d decisions, want %d", len(got), len(want))
	}
	for i := range want {
		if want[i] != got[i] {
			t.Errorf("decision %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

// checkReconcile holds that Sync is Reconcile without the status.
func checkReconcile(t *testing.T, spec hpa.Spec, steps []step) {
	t.Helper()
	whole, err := hpa.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	short := newRig(t, spec, 3)
	var status hpa.Status
	for i, s := range steps {
		short.now = short.now.Add(s.after)
		short.replicas = max(short.replicas+s.moved, 0)
		have := max(short.replicas-s.lag, 0)
		out := whole.Reconcile(short.now, status, hpa.Scene{Scale: hpa.Scale{Spec: short.replicas, Status: have}, Metrics: []hpa.Metric{s.metric}})
		if got := short.c.Sync(short.now, short.replicas, have, s.metric); got != out.Decision {
			t.Fatalf("step %d: Sync gives %+v, Reconcile %+v", i, got, out.Decision)
		}
		short.replicas, status = out.Desired, out.Status
	}
}

func replay(t *testing.T, spec hpa.Spec, steps []step, check func(from int32, d hpa.Decision)) []hpa.Decision {
	t.Helper()
	r := newRig(t, spec, 3)
	decisions := make([]hpa.Decision, 0, len(steps))
	for _, s := range steps {
		r.now = r.now.Add(s.after)
		r.replicas = max(r.replicas+s.moved, 0)
		from := r.replicas
		d := r.c.Sync(r.now, from, max(from-s.lag, 0), s.metric)
		r.replicas = d.Desired
		if check != nil {
			check(from, d)
		}
		decisions = append(decisions, d)
	}
	return decisions
}

func randomSpec(rnd *rand.Rand) hpa.Spec {
	lo := rnd.Int32N(5)
	s := hpa.Spec{MinReplicas: lo, MaxReplicas: lo + 1 + rnd.Int32N(60), AverageValue: hpa.Milli(1 + rnd.Int64N(int64(target)))}
	if rnd.IntN(4) > 0 {
		s.Behavior = &hpa.Behavior{ScaleUp: randomRules(rnd), ScaleDown: randomRules(rnd)}
	}
	return s
}

func randomRules(rnd *rand.Rand) *hpa.Rules {
	if rnd.IntN(6) == 0 {
		return nil
	}
	r := &hpa.Rules{Select: []hpa.SelectPolicy{"", hpa.MaxChange, hpa.MinChange, hpa.MinChange, hpa.Disabled}[rnd.IntN(5)]}
	if rnd.IntN(4) > 0 {
		r.StabilizationWindow = new(time.Duration(rnd.IntN(21)*15) * time.Second)
	}
	if rnd.IntN(3) == 0 {
		r.Tolerance = new(float64(rnd.IntN(30)) / 100)
	}
	for range rnd.IntN(4) {
		p := hpa.Policy{Type: hpa.Pods, Value: 1 + rnd.Int32N(8), Period: time.Duration(1+rnd.IntN(20)) * hpa.SyncPeriod}
		if rnd.IntN(2) == 0 {
			p.Type, p.Value = hpa.Percent, 1+rnd.Int32N(300)
		}
		r.Policies = append(r.Policies, p)
	}
	return r
}

func randomSteps(rnd *rand.Rand, n int) []step {
	broken := errors.New("unreadable")
	steps := make([]step, n)
	level := rnd.Int64N(int64(20 * target))
	for i := range steps {
		if rnd.IntN(8) == 0 {
			level = rnd.Int64N(int64(40 * target))
		}
		s := step{after: hpa.SyncPeriod, metric: hpa.Value(hpa.Milli(level + rnd.Int64N(level/10+1)))}
		switch rnd.IntN(40) {
		case 0:
			s.moved = rnd.Int32N(21) - 10
		case 1:
			s.after = time.Duration(rnd.IntN(600)) * time.Second
		case 2, 3:
			s.metric = hpa.Metric{Err: broken}
		case 4, 5:
			s.lag = rnd.Int32N(10)
		}
		steps[i] = s
	}
	return steps
}
