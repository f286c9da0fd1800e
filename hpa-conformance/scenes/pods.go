package scenes

import (
	"fmt"
	"time"

	"spillway/internal/hpa"
)

// fleet is the pods of a scale target: it follows the number that is asked for, as late as its troubles make it.
type fleet struct {
	dice
	pods    []hpa.Pod
	born    int
	trouble bool // Whether pods fail, flap and go unmeasured.
	faulty  bool // Whether a pod says no request.
	level   bool // Whether pods have requests of their own.
}

func (f *fleet) turn(now time.Time, replicas int32, period time.Duration) {
	kept := f.pods[:0]
	for _, p := range f.pods {
		if p.Deleted && f.once(2) {
			continue
		}
		kept = append(kept, p)
	}
	f.pods = kept
	alive := int32(0)
	for i := range f.pods {
		f.age(&f.pods[i], now, period)
		if !f.pods[i].Deleted {
			alive++
		}
	}
	for i := len(f.pods) - 1; i >= 0 && alive > replicas; i-- {
		if !f.pods[i].Deleted {
			f.pods[i].Deleted = !f.trouble || f.once(2) // In trouble some live on for a while.
			alive--
		}
	}
	for ; alive < replicas && len(f.pods) < 60; alive++ {
		f.pods = append(f.pods, f.create(now, period))
	}
}

// age takes a pod one step on.
func (f *fleet) age(p *hpa.Pod, now time.Time, period time.Duration) {
	moment := func() time.Time { return now.Add(-f.upTo(int32(period.Seconds()))) }
	switch {
	case p.Phase == hpa.Pending && !f.once(3):
		p.Phase, p.Started = hpa.Running, moment()
		p.Ready, p.ReadySince = hpa.ReadyFalse, p.Started
	case p.Phase == hpa.Running && p.Ready == hpa.ReadyFalse && !f.once(3):
		p.Ready, p.ReadySince = hpa.ReadyTrue, moment()
	case p.Phase == hpa.Running && f.trouble && f.once(12):
		p.Ready, p.ReadySince = pick(f.dice, hpa.ReadyFalse, hpa.ReadyUnknown), moment()
	case f.trouble && f.once(30):
		p.Phase = pick(f.dice, hpa.Failed, hpa.Succeeded)
	}
}

func (f *fleet) create(now time.Time, period time.Duration) hpa.Pod {
	f.born++
	p := hpa.Pod{Name: fmt.Sprintf("workers-%d", f.born), Phase: hpa.Pending, Containers: f.containers()}
	if f.level && f.once(2) {
		p.Requests = map[string]hpa.Milli{"cpu": 400, "memory": 64_000_000}
		if f.once(2) { // What it does not say itself is the sum of its containers.
			if p.Requests["memory"] = f.sum(p.Containers, "memory"); p.Requests["memory"] == 0 {
				delete(p.Requests, "memory")
			}
		}
	}
	switch {
	case f.born <= 3 || f.once(3): // As if it had been there for long.
		p.Phase, p.Ready = hpa.Running, hpa.ReadyTrue
		p.Started = now.Add(-period).Add(-f.upTo(300))
		p.ReadySince = p.Started.Add(f.upTo(60))
	case f.trouble && f.once(6): // Running, of unknown age or readiness.
		p.Phase = hpa.Running
		p.Ready, p.ReadySince = pick(f.dice, hpa.ReadyAbsent, hpa.ReadyTrue), now
		if f.once(2) {
			p.Started = now
		}
	}
	return p
}

// containers has the faults of at most one pod: of two the controller names either.
func (f *fleet) containers() []hpa.Container {
	app := hpa.Container{Name: "app", Requests: map[string]hpa.Milli{"cpu": 250, "memory": 100_000_000}}
	proxy := hpa.Container{Name: "proxy", Requests: map[string]hpa.Milli{"cpu": 100, "memory": 30_000_000}}
	if f.faulty && f.born == 1 {
		switch f.IntN(5) {
		case 0:
			return []hpa.Container{app} // There is no proxy.
		case 1:
			delete(app.Requests, "cpu")
		case 2:
			delete(proxy.Requests, "memory")
		case 3:
			delete(app.Requests, "memory")
			delete(proxy.Requests, "memory")
		default:
			app.Requests["cpu"], proxy.Requests["cpu"] = 0, 0
		}
	}
	return []hpa.Container{app, proxy}
}

func (f *fleet) sum(containers []hpa.Container, resource string) hpa.Milli {
	var sum hpa.Milli
	for _, c := range containers {
		sum += c.Requests[resource]
	}
	return sum
}

// samples measures the pods at about ratio times what the target says.
func (f *fleet) samples(now time.Time, m *hpa.MetricSpec, ratio float64, period time.Duration) []hpa.Sample {
	var samples []hpa.Sample
	per := float64(m.Target.AverageValue)
	for i := range f.pods {
		p := &f.pods[i]
		if p.Phase == hpa.Pending && !f.once(4) || f.trouble && f.once(8) {
			continue
		}
		if m.Target.Utilization != 0 {
			per = float64(f.requested(p, m)) * float64(m.Target.Utilization) / 100
		}
		value := per * ratio
		if f.once(3) {
			value *= 0.8 + 0.4*f.Float64()
		}
		samples = append(samples, hpa.Sample{
			Pod: p.Name, Value: hpa.Milli(value),
			At:     now.Add(-f.upTo(2 * int32(period.Seconds()))),
			Window: pick(f.dice, 0, 15*time.Second, 30*time.Second, time.Minute),
		})
	}
	if f.trouble && f.once(10) { // Of a pod that nobody knows.
		samples = append(samples, hpa.Sample{Pod: "gone", Value: hpa.Milli(per * ratio), At: now})
	}
	return samples
}

// requested is what a pod requests of a metric's resource, roughly: enough to aim by.
func (f *fleet) requested(p *hpa.Pod, m *hpa.MetricSpec) hpa.Milli {
	var sum hpa.Milli
	for _, c := range p.Containers {
		if m.Container == "" || m.Container == c.Name {
			sum += c.Requests[m.Name]
		}
	}
	if r, ok := p.Requests[m.Name]; ok && m.Container == "" {
		sum = r
	}
	return sum
}
