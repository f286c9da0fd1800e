package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/hpa"
	"spillway/internal/nowcast"
)

const (
	syncSeconds   = int(hpa.SyncPeriod / time.Second)
	sampleSeconds = int(backlog.SamplePeriod / time.Second)
)

// Run plays the setup through. The error names everything that is wrong with it.
func Run(s Setup) (Outcome, error) {
	if err := s.Validate(); err != nil {
		return Outcome{}, fmt.Errorf("validating the setup: %w", err)
	}
	w, err := newWorld(s)
	if err != nil {
		return Outcome{}, err
	}
	for t := range s.Trace.Arrived {
		w.second(t)
	}
	return w.result.close(&s), nil
}

// world is the flow at one second.
type world struct {
	Setup
	rnd   *rand.Rand
	start time.Time
	now   int

	queue    queue
	pods     []pod
	born     int     // Pods that there ever were.
	ready    int     // Pods that are ready.
	perPod   float64 // What every pod that was always ready would have settled.
	inFlight float64
	busy     float64 // Share of the capacity that was used in this second.
	settled  float64 // All messages.

	hpa      *hpa.Controller
	replicas int32

	monitor monitor
	cpu     [4]float64 // Use of the processor of all pods in percent, by quarter of a minute.
	state   nowcast.State
	input   []nowcast.Pod
	value   nowcast.Estimate
	level   nowcast.Estimate

	phaseSync, phaseScrape int
	result                 recorder
}

type pod struct {
	name    string
	started int
	base    float64 // perPod when it became ready.
	ready   bool
	bias    float64 // Of its counts, a factor.
	clock   float64 // Of its publish times, seconds.
	seen    nowcast.Pod
}

func newWorld(s Setup) (*world, error) {
	c, err := hpa.New(s.Policy.Spec)
	if err != nil {
		return nil, fmt.Errorf("making the autoscaler: %w", err)
	}
	w := &world{
		Setup: s, rnd: rand.New(rand.NewPCG(s.Seed, 8)), hpa: c, //nolint:gosec // A simulation must be repeatable.
		start: time.Date(2026, time.November, 27, 0, 0, 0, 0, time.UTC),
	}
	w.queue.arrived = make([]float64, len(s.Trace.Arrived))
	w.phaseSync, w.phaseScrape = w.rnd.IntN(syncSeconds), w.rnd.IntN(s.Scrape)
	w.replicas = max(1, s.Policy.Spec.MinReplicas)
	if first := math.Ceil(1.05 * s.Trace.Arrived[0] / s.PodRate); first > float64(w.replicas) {
		w.replicas = int32(min(first, float64(s.Policy.Spec.MaxReplicas)))
	}
	if s.Replicas > 0 {
		w.replicas = s.Replicas
	}
	w.resize(0)
	for i := range w.pods {
		w.pods[i].ready = true
	}
	w.ready = len(w.pods)
	w.result.reserve(&s)
	return w, nil
}

func (w *world) instant(t float64) time.Time {
	return w.start.Add(time.Duration(t * float64(time.Second)))
}

// second plays one second: what arrives, what is worked off, what is seen of it, what is decided.
func (w *world) second(t int) {
	w.now = t
	w.wake()
	w.work()
	if t%sampleSeconds == w.SamplePhase {
		w.monitor.take(w.now, w.backlog(), w.settled)
	}
	w.monitor.show(w.now, w.Delay, w.Silent)
	if t%syncSeconds == 0 {
		w.cpu[t/syncSeconds%len(w.cpu)] = 100 * w.busy * w.FullCPU * float64(w.ready)
	}
	w.look()
	if t%syncSeconds == w.phaseSync {
		w.decide()
	}
	w.result.second(w)
}

// backlog is the truth: what waits and what is being worked on.
func (w *world) backlog() float64 { return w.queue.waiting + w.inFlight }

// wake makes pods ready whose time has come.
func (w *world) wake() {
	for i := range w.pods {
		if p := &w.pods[i]; !p.ready && w.now >= p.started+w.PodStart {
			p.ready, p.base = true, w.perPod
			w.ready++
		}
	}
}

// work lets a second's messages arrive and works off what the pods can.
func (w *world) work() {
	rate := w.Trace.Arrived[w.now]
	w.queue.arrive(w.now, max(0, rate+math.Sqrt(rate)*w.rnd.NormFloat64()))
	can := float64(w.ready) * w.PodRate
	done := min(can, w.queue.waiting)
	w.busy = 0
	if can > 0 {
		w.busy = done / can
		w.perPod += done / float64(w.ready)
	}
	newest := done * w.Newest
	w.queue.serveNewest(w.now, newest, &w.result.ages)
	w.queue.serve(w.now, done-newest, &w.result.ages)
	w.settled += done
	w.inFlight = done * w.Handler
}

// decide is one sync of the autoscaler.
func (w *world) decide() {
	d := w.hpa.Sync(w.instant(float64(w.now)), w.replicas, w.replicas, w.metric())
	if d.Rescale {
		w.result.change(w.now, int(d.Desired-w.replicas))
		w.replicas = d.Desired
		w.resize(w.now)
	}
}

// metric is what the autoscaler reads.
func (w *world) metric() hpa.Metric {
	switch w.Policy.Signal {
	case Desired, DesiredRemote:
		if w.value.State == backlog.Absent {
			return hpa.Metric{Err: hpa.ErrNoItems}
		}
		return hpa.Value(hpa.Milli(math.Round(w.value.Value * float64(hpa.Unit))))
	case Processor:
		return hpa.Value(hpa.Milli(w.cpu[(w.now/syncSeconds+2)%len(w.cpu)] * float64(hpa.Unit)))
	case RawBacklog:
	}
	if w.monitor.newest.at == 0 {
		return hpa.Metric{Err: hpa.ErrNoItems}
	}
	return hpa.Value(hpa.Milli(w.monitor.newest.backlog) * hpa.Unit)
}

// resize makes as many pods as were asked for; the youngest go first.
func (w *world) resize(t int) {
	for len(w.pods) < int(w.replicas) {
		w.born++
		w.pods = append(w.pods, pod{
			name: fmt.Sprintf("pod-%d", w.born), started: t,
			bias: 1 + w.Bias*w.rnd.NormFloat64(), clock: w.Skew * w.rnd.NormFloat64(),
		})
	}
	for i := int(w.replicas); i < len(w.pods); i++ {
		if w.pods[i].ready {
			w.ready--
		}
	}
	w.pods = w.pods[:w.replicas]
}
