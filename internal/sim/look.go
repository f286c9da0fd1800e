package sim

import (
	"math"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/nowcast"
)

// taken is a sample of Monitoring's.
type taken struct {
	at      int
	backlog float64
	settled float64
}

// monitor keeps what was taken and not yet shown, and the newest three that were.
type monitor struct {
	hidden                 []taken
	newest, before, former taken
}

func (m *monitor) take(t int, level, settled float64) {
	m.hidden = append(m.hidden, taken{t, level, settled})
}

// show makes what has become visible the newest. While Monitoring is silent nothing does.
func (m *monitor) show(t, delay int, silent Span) {
	for !silent.has(t) && len(m.hidden) > 0 && m.hidden[0].at+delay <= t {
		m.former, m.before, m.newest = m.before, m.newest, m.hidden[0]
		m.hidden = m.hidden[1:]
	}
}

// look lets the law see what there is to see at this second.
func (w *world) look() {
	switch w.Policy.Signal {
	case Desired:
		if w.now%w.Scrape == w.phaseScrape {
			w.scrape()
			w.tick(w.input)
		}
	case DesiredRemote:
		if w.now%syncSeconds == w.phaseScrape%syncSeconds {
			w.tick(nil)
		}
	case RawBacklog, Processor:
	}
}

func (w *world) tick(pods []nowcast.Pod) {
	in := nowcast.Input{Now: w.instant(float64(w.now)), Pods: pods, Replicas: int(w.replicas)}
	if m := &w.monitor; m.newest.at > 0 {
		in.Backlog = w.sample(m.newest)
		if m.before.at > 0 {
			in.Before = w.sample(m.before)
			rate := (m.newest.settled - m.before.settled) / float64(max(1, m.newest.at-m.before.at))
			in.Acks = backlog.Sample{Value: rate, At: in.Backlog.At}
		}
	}
	r := w.state.Tick(w.Policy.Law, in)
	w.value, w.level = r.Desired, r.Backlog
	if w.Watch != nil {
		w.Watch(w.now, &in, r, w.backlog())
	}
	if w.level.State != backlog.Absent {
		w.result.guess(w.level.Value, w.monitor.newest.backlog, w.backlog())
	}
}

func (w *world) sample(s taken) backlog.Sample {
	return backlog.Sample{Value: math.Round(s.backlog), At: w.instant(float64(s.at))}
}

// scrape asks every pod, with the noise of the setup. What is lost leaves the scrape before.
func (w *world) scrape() {
	w.input = w.input[:0]
	behind := w.queue.behind(w.now)
	running, ready := int(math.Round(w.inFlight)), 0
	for i := range w.pods {
		p := &w.pods[i]
		share := 0
		if p.ready { // Handlers are whole, and so is their sum.
			share = running*(ready+1)/w.ready - running*ready/w.ready
			ready++
		}
		if w.Lost == 0 || w.rnd.Float64() >= w.Lost {
			w.read(p, behind, float64(share), w.Liar && i == 0)
		}
		p.seen.Name, p.seen.Ready = p.name, p.ready
		p.seen.Started = w.instant(float64(p.started))
		w.input = append(w.input, p.seen)
	}
}

// read takes one pod's series; running is how many of its handlers are.
func (w *world) read(p *pod, behind, running float64, liar bool) {
	now := float64(w.now)
	slots := math.Max(1, math.Round(w.PodRate*w.Handler))
	p.seen = nowcast.Pod{
		At:    w.instant(now - math.Min(2, math.Abs(w.Skew*w.rnd.NormFloat64()))),
		Slots: slots, Connected: p.ready, CPULimit: 1,
	}
	if !p.ready {
		return
	}
	n := (w.perPod - p.base) * p.bias
	if liar {
		n *= 10
	}
	p.seen.Delivered, p.seen.Left, p.seen.Acked, p.seen.AckedSeconds = n, n, n, n*slots/w.PodRate
	p.seen.CPUSeconds = n / w.PodRate * w.FullCPU
	p.seen.InFlight = math.Min(slots, running)
	if w.queue.waiting > 1 {
		p.seen.InFlight = slots
	} else if p.seen.InFlight >= slots {
		p.seen.InFlight = slots - 1 // Nothing waits, so there is room.
	}
	age := behind * (1 + w.Jitter*w.rnd.NormFloat64())
	if w.Newest > 0 && w.rnd.Float64() < w.Newest {
		age = 0
	}
	if liar {
		age = 3600
	}
	p.seen.Frontier = w.instant(now - math.Max(0, age) + p.clock)
	p.seen.Delivery = time.Time{}
}
