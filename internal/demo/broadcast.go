package demo

import (
	"context"
	"fmt"
	"math"
	"time"

	"spillway/internal/demo/page"
)

// broadcastPeriod is how often the page is sent a moment, and explainPeriod how often the exporter's words are.
const (
	broadcastPeriod = 500 * time.Millisecond
	explainPeriod   = 2 * time.Second
)

// broadcast shows a moment on the page every half second until ctx is done.
func (a *act) broadcast(ctx context.Context) {
	ticker := time.NewTicker(broadcastPeriod)
	defer ticker.Stop()
	r := reporter{act: a, desks: map[string]desk{}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.report(ctx)
		}
	}
}

// reporter turns what is seen into moments and events. It belongs to the broadcast's goroutine.
type reporter struct {
	act         *act
	at          time.Duration
	desks       map[string]desk // As they were at the last report.
	phase       string
	state       string // The reading's.
	redelivered int64
	faults      int
	explained   time.Duration
	words       string
}

func (r *reporter) report(ctx context.Context) {
	a := r.act
	f, elapsed := a.frame(), time.Since(a.begin)
	read := f.Reading
	desks, slow := a.stage.bench.state()
	if elapsed-r.explained >= explainPeriod {
		r.words, r.explained = a.stage.explain(ctx), elapsed
	}
	r.notes(f, read)
	d := a.dial.state()
	a.mu.Lock()
	faults := a.faults
	a.mu.Unlock()
	p, _ := a.scaler.state()
	a.board.Show(page.Moment{
		Elapsed: elapsed,
		Values:  values(f, read),
		Workers: r.workers(desks, elapsed),
		Frame: page.Frame{
			Phase: phase(a.story, f.Told, d.taken), Clock: clock(elapsed) + storyTime(a.pace, f.Told), Ending: ending(d),
			Published: f.Counts.Published, Settled: f.Counts.Handled, Lost: f.Lost, Duplicated: f.Counts.Duplicated,
			Redelivered: f.Counts.Redelivered, Waiting: f.Counts.Waiting, PodSeconds: int64(f.PodSeconds), Slots: concurrency,
			Monitoring: read.words(), Autoscaler: autoscalerWords(f.Sync, p.name), Explain: r.words,
			Controls: page.Controls{Rate: d.rate, Spike: d.spike, Policy: p.name, Slow: slow, Gap: faults.gap, Region: faults.region},
		},
	})
	r.at, r.desks = elapsed, desks
}

func again(n int64) string {
	if n == 1 {
		return "1 message was delivered again"
	}
	return number(n) + " messages were delivered again"
}

// values are the charts' columns.
func values(f Frame, r reading) page.Values {
	v := page.Values{
		Arriving: page.Value(f.Arriving), Settled: page.Value(f.Handling),
		Backlog: levelValue(f.Backlog), Monitoring: r.monitoring, Held: r.held(), Estimate: r.estimate,
		Wanted: page.Value(f.Replicas.Wanted), Serving: page.Value(f.Replicas.Serving), Asked: r.desired,
		P50: page.Unknown(), P99: page.Unknown(),
	}
	if f.Latest.Known {
		v.P50, v.P99 = page.Value(f.Latest.P50.Seconds()), page.Value(f.Latest.P99.Seconds())
	}
	return v
}

func levelValue(l Level) page.Value {
	if !l.Known {
		return page.Unknown()
	}
	return page.Value(l.Messages)
}

// workers are the lanes: every process with what the target sees of it.
func (r *reporter) workers(desks map[string]desk, elapsed time.Duration) []page.Worker {
	cut := map[string]bool{}
	for _, name := range r.act.stage.wiring.cutOff() {
		cut[name] = true
	}
	var list []page.Worker
	for _, m := range r.act.stage.fleet.Members() {
		w := page.Worker{Name: m.Name, State: page.StateStarting, Cut: cut[m.Name], InFlight: page.Unknown(), Rate: page.Unknown()}
		if m.Address != "" {
			w.State, w.Page = page.StateServing, "http://"+m.Address+"/"
			w.InFlight = page.Value(desks[m.Name].inFlight)
			if passed := (elapsed - r.at).Seconds(); passed > 0 {
				w.Rate = page.Value(math.Round(float64(desks[m.Name].done-r.desks[m.Name].done) / passed))
			}
		}
		if m.Draining {
			w.State = page.StateDraining
		}
		list = append(list, w)
	}
	return list
}

// notes enters into the page's ledger what has changed since the last report.
func (r *reporter) notes(f Frame, read reading) {
	a := r.act
	if p, telling := a.story.At(f.Told); telling && p.Name != r.phase && !a.dial.state().taken {
		r.phase = p.Name
		a.note("story", p.Name+": "+rate(p.Rate)+" arrive")
	}
	if read.state != r.state {
		if r.state != "" || read.state == stateHeld {
			a.note("monitoring", read.words())
		}
		r.state = read.state
	}
	if n := f.Counts.Redelivered - r.redelivered; n > 0 {
		a.note("monitoring", again(n))
		r.redelivered = f.Counts.Redelivered
	}
	for _, fault := range f.Faults[min(r.faults, len(f.Faults)):] {
		a.note("fault", fault)
	}
	r.faults = len(f.Faults)
}

// phase is the part of the story, or that somebody has taken over.
func phase(s Story, told time.Duration, taken bool) string {
	p, telling := s.At(told)
	switch {
	case taken:
		return "in your hands"
	case telling:
		return p.Name
	default:
		return "until calm"
	}
}

// storyTime is the story's time, where it is another than the real one.
func storyTime(p Pace, at time.Duration) string {
	if p == 1 {
		return ""
	}
	return fmt.Sprintf(", %s in the story, which is told %s", clock(at), speed(p))
}

func ending(d dialState) string {
	if d.taken {
		return "ends with Ctrl-C in the terminal"
	}
	return "ends by itself, unless a control is used"
}

// autoscalerWords are the autoscaler's last turn.
func autoscalerWords(s Sync, name string) string {
	if s.Policy == "" {
		return "The HPA has not looked yet."
	}
	because := s.Because
	if s.Err != nil {
		because = "the metric cannot be read"
	}
	return fmt.Sprintf("The HPA scales on %s: %s, so it wants %d replicas (%s).", policyWords(name), because, s.Desired, explain(s.Reason))
}
