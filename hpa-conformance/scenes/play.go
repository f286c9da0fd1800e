package scenes

import (
	"math"
	"time"

	"spillway/hpa-conformance/trace"
	"spillway/internal/hpa"
)

// Play draws one trace, scene by scene, each after what became of the one before.
type Play struct {
	dice
	length int
	period time.Duration
	spec   hpa.Spec
	fleet  fleet

	steps    int
	load     []float64 // By metric: how many pods its usage is worth.
	outage   []int     // By metric: the syncs that it stays unreadable.
	calm     bool      // Whether calls fail and people interfere rarely.
	asleep   bool      // Whether an earlier controller had gone to 0.
	restless bool      // Whether somebody tries one behavior after the other.
}

// New begins a trace of the given number of syncs.
func New(seed uint64, length int) *Play {
	d := newDice(seed)
	p := &Play{dice: d, length: length, period: time.Duration(pick(d, 10, 15, 15, 15, 20, 30)) * time.Second}
	p.spec = drawSpec(d, drawSettings(d))
	p.fleet = fleet{dice: d, trouble: d.once(2), faulty: d.once(6), level: d.once(4)}
	p.calm, p.asleep, p.restless = d.once(2), d.once(3), d.once(6)
	p.restart()
	return p
}

// Trace is the trace without its steps.
func (p *Play) Trace(seed uint64) *trace.Trace {
	t := &trace.Trace{Seed: seed, Period: p.period, Spec: p.spec}
	if p.asleep {
		long := time.Date(1999, time.December, 31, 12, 0, 0, 0, time.UTC)
		t.Status.Conditions = []hpa.Condition{{Type: hpa.ScaledToZero, Holds: true, Reason: hpa.ReasonToZero, Since: long}}
	}
	return t
}

// restart forgets the loads of metrics that may be others now.
func (p *Play) restart() {
	p.load, p.outage = make([]float64, len(p.spec.Metrics)), make([]int, len(p.spec.Metrics))
	quiet := p.once(3)
	for i := range p.load {
		if !quiet {
			p.load[i] = float64(pick(p.dice, 0, 1, 1, 5))
		}
	}
}

// Next draws the scene of the coming sync; nil after the last.
func (p *Play) Next(now time.Time, replicas int32, first bool) *trace.Step {
	if p.steps == p.length {
		return nil
	}
	s := new(trace.Step)
	if first {
		replicas = p.between(0, p.spec.MaxReplicas+1)
		if p.asleep {
			replicas = 0
		}
	}
	p.steps++
	rare := 60
	if p.calm {
		rare = 400
	}
	if !first && (p.once(rare) || p.restless && p.once(8)) {
		p.change()
		s.Spec = new(p.spec)
	}
	if p.once(rare) { // Somebody scales by hand.
		replicas = pick(p.dice, 0, 1, p.between(0, p.spec.MaxReplicas), p.spec.MaxReplicas+3)
	}
	if replicas == 0 && p.once(12) { // Otherwise a trace could end here.
		replicas = 1
	}
	p.fleet.turn(now, replicas, p.period)
	s.Scene = hpa.Scene{Scale: p.scale(replicas, rare), Pods: append([]hpa.Pod(nil), p.fleet.pods...)}
	if s.Scene.Scale.Selector == hpa.SelectorUsable && p.once(3*rare) {
		s.Scene.Pods = nil
	}
	for i := range p.spec.Metrics {
		s.Scene.Metrics = append(s.Scene.Metrics, p.read(now, i, &s.Scene, rare))
	}
	p.failWrites(s, rare)
	return s
}

// change edits the autoscaler: half the time its rules alone.
func (p *Play) change() {
	if p.spec.Behavior != nil && (p.restless || p.once(2)) {
		p.spec.Behavior = &hpa.Behavior{ScaleUp: drawRules(p.dice), ScaleDown: drawRules(p.dice)}
		return
	}
	p.spec = drawSpec(p.dice, p.spec.Settings)
	p.restart()
}

func (p *Play) scale(replicas int32, rare int) hpa.Scale {
	s := hpa.Scale{Spec: replicas, Status: replicas}
	if p.once(6) {
		s.Status = max(0, replicas+p.between(-3, 3))
	}
	switch p.IntN(rare) {
	case 0:
		s.Err = pick[error](p.dice, trace.FaultError("the API server is away"), trace.ErrVersion, trace.ErrKind)
	case 1:
		s.Selector = pick(p.dice, hpa.SelectorMissing, hpa.SelectorInvalid, hpa.SelectorAmbiguous)
		if len(p.fleet.pods) == 0 && s.Selector == hpa.SelectorAmbiguous { // There is nothing to be ambiguous about.
			s.Selector = hpa.SelectorUsable
		}
	}
	return s
}

func (p *Play) failWrites(s *trace.Step, rare int) {
	switch p.IntN(rare / 6) {
	case 0:
		s.Scene.Write.Err = trace.FaultError("admission refused it")
	case 1:
		s.Conflicts = 1 + p.IntN(5)
	}
	if p.once(rare/3) && s.Scene.Scale.Selector != hpa.SelectorAmbiguous { // Whether it is written then is chance, see trace.Replay.
		s.Scene.StatusErr = trace.FaultError("the status was not taken")
	}
}

// read draws the reading of one metric.
func (p *Play) read(now time.Time, i int, s *hpa.Scene, rare int) hpa.Metric {
	m := &p.spec.Metrics[i]
	p.drift(i, s.Scale.Spec)
	if p.outage[i] == 0 && p.once(rare) {
		p.outage[i] = pick(p.dice, 1, 1, 2, 5, 25)
	}
	if p.outage[i] > 0 {
		p.outage[i]--
		return hpa.Metric{Err: pick[error](p.dice, trace.FaultError("the adapter is away"), trace.FaultError("no such metric"))}
	}
	if p.once(3 * rare) {
		return hpa.Metric{}
	}
	if m.Source != hpa.External && m.Source != hpa.Object {
		return hpa.Metric{Samples: p.fleet.samples(now, m, p.load[i]/float64(max(1, s.Scale.Spec)), p.period)}
	}
	return p.items(m, p.load[i], s, rare)
}

// drift moves the load: it wanders, jumps, dwells on the borders of tolerances, and goes away.
func (p *Play) drift(i int, replicas int32) {
	have := float64(max(1, replicas))
	switch {
	case p.once(10):
		p.load[i] = 1.2 * float64(p.spec.MaxReplicas) * p.Float64()
	case p.once(6):
		p.load[i] = have * pick(p.dice, 0.5, 0.75, 0.8, 0.9, 0.95, 1, 1.05, 1.1, 1.2, 1.25, 1.5, 2)
	case p.once(25):
		p.load[i] = 0
	default:
		p.load[i] *= 0.9 + 0.2*p.Float64()
	}
}

// items draws the series of an External or Object metric.
func (p *Play) items(m *hpa.MetricSpec, pods float64, s *hpa.Scene, rare int) hpa.Metric {
	value := float64(m.Target.AverageValue) * pods
	if m.Target.Value != 0 {
		value = float64(m.Target.Value) * pods / float64(max(1, s.Scale.Spec))
	}
	whole := hpa.Milli(value)
	if m.Source == hpa.Object {
		if p.once(2 * rare) {
			whole = -whole - 1
		}
		return hpa.Value(whole)
	}
	switch p.IntN(2 * rare) {
	case 0:
		return hpa.Metric{Items: []hpa.Milli{math.MaxInt64, whole + 1, 5}}
	case 1:
		return hpa.Value(-whole - 1)
	case 2:
		return hpa.Value(math.MaxInt64 / 2)
	}
	if p.once(3) {
		part := hpa.Milli(float64(whole) * p.Float64())
		return hpa.Metric{Items: []hpa.Milli{part, whole - part}}
	}
	return hpa.Value(whole)
}
