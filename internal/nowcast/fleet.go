package nowcast

import (
	"math"
	"slices"
	"time"
)

// fleet is what the pods of one tick come to.
type fleet struct {
	expected, scraped int // Ready pods, and those of them whose scrape counts.
	terminating       int
	inFlight          float64
	delivering        int // Of the scraped, those that delivered something since the scrape before.
	blocked           int // Without a stream or paused.
	full, paused      int
	age               float64 // Of the first deliveries of the ready pods, where there were some.
}

// covered reports whether enough ready pods were scraped to speak for the rest.
func (f fleet) covered() bool { return f.scraped > 0 && 2*f.scraped >= f.expected }

// scale is what scraped pods' numbers are multiplied with to speak for those that were not.
func (f fleet) scale() float64 { return max(1, float64(f.expected)/math.Max(1, float64(f.scraped))) }

// observe takes in the pods of a tick and returns what they come to.
func (s *State) observe(law Law, in *Input) fleet {
	s.round++
	elapsed := in.Now.Sub(s.last).Seconds()
	fade := math.Exp(-max(0, min(elapsed, memory)) / memory)
	s.slots.fade(fade)
	s.cpu.fade(fade)
	s.verdicts.fade(math.Exp(-max(0, min(elapsed, memory)) / onset))
	var f fleet
	var others float64
	ages := make([]float64, 0, 32)
	var reached quotient
	for i := range in.Pods {
		pod := &in.Pods[i]
		c := s.meet(pod)
		c.current = c.take(s, law, pod, in.Now, &reached)
		c.wanted = pod.Ready && !pod.Terminating
		switch {
		case pod.Terminating:
			f.terminating++
		case pod.Ready:
			f.expected++
		}
		if !c.current {
			continue
		}
		if !c.wanted {
			others += c.scrape.InFlight
			continue
		}
		f.add(c)
		if c.brought && !c.scrape.Frontier.IsZero() {
			ages = append(ages, c.age())
		}
	}
	f.delivering = len(ages)
	f.age = middle(ages)
	f.inFlight = f.inFlight*f.scale() + others
	s.learn(reached, elapsed)
	s.bury()
	return f
}

// middle is the mean of the middle half: as deaf to a few that are wrong as the median, and steadier.
func middle(ages []float64) float64 {
	if len(ages) == 0 {
		return 0
	}
	slices.Sort(ages)
	cut := (len(ages) - 1) / 4
	sum := 0.0
	for _, age := range ages[cut : len(ages)-cut] {
		sum += age
	}
	return sum / float64(len(ages)-2*cut)
}

// add counts a ready pod that was scraped.
func (f *fleet) add(c *counted) {
	p := &c.scrape
	f.scraped++
	f.inFlight += p.InFlight
	if c.full {
		f.full++
	}
	if p.Paused {
		f.paused++
	}
	if p.Paused || !p.Connected {
		f.blocked++
	}
}

// meet finds what is remembered of a pod.
func (s *State) meet(pod *Pod) *counted {
	c := s.index[pod.Name]
	if c == nil {
		c = &counted{name: pod.Name}
		s.index[pod.Name] = c
		s.pods = append(s.pods, c)
	}
	c.round = s.round
	return c
}

// bury keeps what pods that are no more had counted.
func (s *State) bury() {
	s.pods = slices.DeleteFunc(s.pods, func(c *counted) bool {
		if c.round == s.round {
			return false
		}
		s.gone = s.gone.plus(c.total, 1).plus(c.guess, 1)
		delete(s.index, c.name)
		return true
	})
}

// age is how long the pod's latest first delivery had waited.
func (c *counted) age() float64 {
	return max(0, c.timed(&c.scrape))
}

// timed is the age that a scrape shows, less what is known of the pod's clock.
func (c *counted) timed(p *Pod) float64 {
	if c.clocked < clockSeen {
		return p.waited()
	}
	return p.waited() - c.clock
}

// waited is the age as the clocks have it, which may be below 0.
func (p *Pod) waited() float64 {
	ref := p.At
	if d := p.Delivery; !d.IsZero() && d.Before(ref) {
		ref = d
	}
	return ref.Sub(p.Frontier).Seconds()
}

// setClock learns what the clocks make of an age that is none: while everything is caught up and slots are free nothing waits, and what still seems
// to is the pod's clock, the instant of its scrape and the way of a message. Messages must come often enough to tell that from their absence.
func (c *counted) setClock() {
	off := c.scrape.waited()
	if c.full || c.scrape.Frontier.IsZero() || c.rate.delivered < 1/clockGap || math.Abs(off) > clockMost {
		return
	}
	c.clocked++
	c.clock += (off - c.clock) / float64(min(c.clocked, clockMemory))
}

// take adds a pod's scrape to what was counted, and reports whether it is one that counts now.
func (c *counted) take(s *State, law Law, pod *Pod, now time.Time, reached *quotient) bool {
	if !pod.sound() {
		return !c.scrape.At.IsZero() && now.Sub(c.scrape.At) <= law.Scrape
	}
	dt := pod.At.Sub(c.scrape.At).Seconds()
	switch {
	case c.scrape.At.IsZero():
		c.begin(s, pod)
	case dt > 0:
		c.follow(s, law, pod, dt, reached)
	case dt < -law.Scrape.Seconds(): // Its clock was set back; small disorder is an old answer that came late.
		c.rate, c.brought = counts{}, false
		c.scrape = *pod
	}
	return now.Sub(c.scrape.At) <= law.Scrape && !c.lies
}

// believe holds what handlers took against what slots have: 20 slots cannot work 100 seconds in one. A handler's seconds are counted when it ends,
// so that as much as the slots can have had in hand may come at once. What a pod counts that cannot be is not counted.
func (c *counted) believe(pod *Pod, acked, took, dt float64) {
	if pod.Slots <= 0 {
		return
	}
	c.excess = max(0, c.excess+took-slack*pod.Slots*dt)
	long := max(ratio(took, acked), ratio(pod.AckedSeconds, pod.Acked)) // What a handler takes, lately or in all its life.
	c.lies = c.excess > pod.Slots*(2*long+noise)
	c.excess = min(c.excess, memory*pod.Slots)
}

// begin starts to count a pod. What it counted before is counted only if it cannot have counted before the State began.
func (c *counted) begin(s *State, pod *Pod) {
	life := pod.At.Sub(pod.Started).Seconds()
	if c.believe(pod, pod.Acked, pod.AckedSeconds, life); pod.Started.IsZero() || !pod.Started.After(s.began) {
		c.excess, c.lies = 0, false
	} else if !c.lies {
		c.total = counts{pod.Delivered, pod.Left}
		c.brought = pod.Delivered > 0
		if life > 0 {
			c.rate = counts{pod.Delivered / life, pod.Left / life}
		}
	}
	c.guess = counts{}
	c.full = pod.full()
	c.scrape = *pod
}

func (p *Pod) full() bool { return p.Slots > 0 && p.InFlight >= p.Slots }

// follow counts what happened since the scrape before, dt seconds ago. A counter that fell began again at 0.
func (c *counted) follow(s *State, law Law, pod *Pod, dt float64, reached *quotient) {
	old := c.scrape
	if pod.Delivered < old.Delivered || pod.Left < old.Left || pod.Acked < old.Acked || pod.AckedSeconds < old.AckedSeconds {
		old = Pod{}
	}
	acked := pod.Acked - old.Acked
	if c.believe(pod, acked, pod.AckedSeconds-old.AckedSeconds, dt); c.lies {
		c.rate, c.brought, c.full, c.scrape = counts{}, false, false, *pod
		return
	}
	delta := counts{pod.Delivered - old.Delivered, pod.Left - old.Left}
	c.total, c.guess = c.total.plus(delta, 1), counts{}
	c.rate = counts{delta.delivered / dt, delta.left / dt}
	c.brought = delta.delivered > 0
	s.verdicts.add(max(0, pod.Nacked-old.Nacked), acked)
	if pod.Ready && !pod.Terminating {
		s.measure(law, pod, &old, dt)
		if s.age >= nearNow && s.caughtSince.IsZero() && old.Slots > 0 && ((c.full && pod.full()) || c.busy(pod, &old, dt)) {
			reached.add(acked, dt)
		}
	}
	c.full = pod.full()
	c.scrape = *pod
	if c.brought && !s.caughtSince.IsZero() {
		c.setClock()
	}
}

// busy reports whether most of a pod's slots or a good part of its processor was in use, and messages waited for it to the end. On one processor
// short handlers run one after the other, and a scrape, which needs it too, finds every slot free.
func (c *counted) busy(pod, old *Pod, dt float64) bool {
	if c.timed(pod) < nearNow {
		return false
	}
	return (pod.Slots > 0 && pod.AckedSeconds-old.AckedSeconds >= busySlots*pod.Slots*dt) ||
		(pod.CPULimit > 0 && pod.CPUSeconds-old.CPUSeconds >= busyCPU*pod.CPULimit*dt)
}

// total is what the fleet has counted by now. Each pod is carried from its scrape to now at its own rate; one that cannot be scraped is counted
// like the mean of the others until it answers again, when the truth takes the guess's place.
func (s *State) total(law Law, f fleet, now time.Time, elapsed float64) counts {
	all := s.gone
	var mean counts
	for _, c := range s.pods {
		if c.current {
			mean = mean.plus(c.rate, 1/math.Max(1, float64(f.scraped)))
		}
	}
	for _, c := range s.pods {
		behind := min(max(0, now.Sub(c.scrape.At).Seconds()), law.Scrape.Seconds())
		if c.scrape.At.IsZero() {
			behind = 0
		}
		all = all.plus(c.total, 1).plus(c.rate, behind)
		if !c.current && c.wanted && f.covered() {
			c.guess = c.guess.plus(mean, elapsed)
		}
		all = all.plus(c.guess, 1)
	}
	return counts{finite(all.delivered), finite(all.left)}
}
