package nowcast_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/nowcast"
)

// rig is a flow whose workers count without noise: 20 slots of 0.1 s, so 200 messages a second each.
type rig struct {
	t     *testing.T
	law   nowcast.Law
	state nowcast.State
	in    nowcast.Input
	start time.Time
	last  nowcast.Result
}

func newRig(t *testing.T, pods int) *rig {
	t.Helper()
	start := time.Date(2026, time.November, 27, 9, 0, 0, 0, time.UTC)
	r := &rig{t: t, law: nowcast.DefaultLaw(), start: start, in: nowcast.Input{Now: start, Replicas: pods}}
	for i := range pods {
		r.in.Pods = append(r.in.Pods, nowcast.Pod{
			Name: fmt.Sprintf("pod-%d", i), Ready: true, Connected: true, At: start, Slots: 20, Frontier: start,
		})
	}
	return r
}

// pass lets seconds go by in which every pod delivers so many a second that are so old, and scrapes every 5 s.
func (r *rig) pass(seconds int, perPod float64, age time.Duration) nowcast.Result {
	r.t.Helper()
	for range seconds / 5 {
		r.in.Now = r.in.Now.Add(5 * time.Second)
		for i := range r.in.Pods {
			if p := &r.in.Pods[i]; !p.At.IsZero() {
				r.work(p, 5*perPod, age)
			}
		}
		r.tick()
	}
	return r.last
}

// work makes one pod deliver and settle messages, and be scraped now.
func (r *rig) work(p *nowcast.Pod, messages float64, age time.Duration) {
	p.Delivered, p.Left, p.Acked = p.Delivered+messages, p.Left+messages, p.Acked+messages
	p.AckedSeconds += messages / 10
	p.At = r.in.Now
	p.InFlight = math.Min(20, messages/50)
	if age >= 2*time.Second {
		p.InFlight = 20
	} else if p.InFlight >= 20 {
		p.InFlight = 19
	}
	if messages > 0 {
		p.Frontier = r.in.Now.Add(-age)
	}
}

func (r *rig) tick() nowcast.Result {
	r.t.Helper()
	r.last = r.state.Tick(r.law, r.in)
	checkResult(r.t, r.last)
	return r.last
}

// sample makes Monitoring show a level that was true so long ago; the one before it stays.
func (r *rig) sample(messages float64, ago time.Duration) {
	r.in.Before, r.in.Backlog = r.in.Backlog, backlog.Sample{Value: messages, At: r.in.Now.Add(-ago)}
}

func wantNear(t *testing.T, what string, got nowcast.Estimate, want, by float64) {
	t.Helper()
	if got.State == backlog.Absent || math.Abs(got.Value-want) > by {
		t.Errorf("%s is %.2f (%s), want %.2f within %.2f", what, got.Value, got.State, want, by)
	}
}

func wantWay(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("it was found by %q, want %q", got, want)
	}
}

// checkResult holds what must be true of every result.
func checkResult(t *testing.T, r nowcast.Result) {
	t.Helper()
	for name, e := range map[string]nowcast.Estimate{
		"backlog": r.Backlog, "arrival rate": r.ArrivalRate, "capacity": r.Capacity, "desired": r.Desired, "drain": r.Drain,
	} {
		for _, v := range []float64{e.Value, e.Margin, e.Age.Seconds()} {
			if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
				t.Errorf("%s is %+v", name, e)
			}
		}
		if e.State == backlog.Absent && (e.Value != 0 || !e.At.IsZero()) {
			t.Errorf("%s is absent and says %+v", name, e)
		}
	}
	if r.Capacity.State != backlog.Absent && r.Capacity.Value == 0 {
		t.Error("an unknown capacity is 0")
	}
	if d := r.Desired.Value * 100; math.Abs(d-math.Round(d)) > 1e-6*math.Max(1, d) {
		t.Errorf("desired replicas are %v, not hundredths", r.Desired.Value)
	}
	if r.Explanation.String() == "" {
		t.Error("no explanation")
	}
}
