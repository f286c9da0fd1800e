package export

import (
	"time"

	"spillway/internal/backlog"
	"spillway/internal/fleet"
	"spillway/internal/nowcast"
)

// clock is the law's: where a local server runs faster than life, so does it, and all its times with it. Every instant is one of whole
// milliseconds, as recordings have it.
type clock struct {
	origin time.Time
	// speed is how many of the law's seconds pass in one; 1 in real life.
	speed float64
}

// at returns the law's time at an instant.
func (c clock) at(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	if c.speed == 1 {
		return t.Truncate(time.Millisecond)
	}
	return c.origin.Add(c.stretch(t.Sub(c.origin))).Truncate(time.Millisecond)
}

// stretch turns a time of ours into one of the law's, shrink the other way.
func (c clock) stretch(d time.Duration) time.Duration { return time.Duration(float64(d) * c.speed) }
func (c clock) shrink(d time.Duration) time.Duration  { return time.Duration(float64(d) / c.speed) }

// perSecond turns a rate of ours into one of the law's.
func (c clock) perSecond(rate float64) float64 { return rate / c.speed }

func (c clock) sample(s backlog.Sample) backlog.Sample {
	return backlog.Sample{Value: s.Value, At: c.at(s.At)}
}

// unix reads seconds since 1970; 0 is no time.
func (c clock) unix(seconds float64) time.Time {
	if seconds <= 0 {
		return time.Time{}
	}
	return c.at(time.UnixMilli(int64(seconds * 1e3)))
}

// pod is what a scrape says about one flow of a worker. Where it says nothing that can be used, only what the cluster says is known.
func (c clock) pod(s *fleet.Scrape, subscription string) nowcast.Pod {
	p := nowcast.Pod{Name: s.ID, Ready: s.Ready, Terminating: s.Terminating, Started: c.at(s.Started)}
	flow := s.Flow(subscription)
	if flow == nil {
		return p
	}
	p.At = c.at(s.At)
	if p.Started.IsZero() {
		p.Started = c.unix(s.Page.Started)
	}
	p.Terminating = p.Terminating || flow.Draining > 0
	p.InFlight, p.Slots = flow.InFlight, flow.Slots
	p.Delivered, p.Left, p.Acked, p.Nacked = flow.Delivered, flow.Left, flow.Acked, flow.Nacked
	p.AckedSeconds = flow.AckedSeconds * c.speed
	p.Frontier, p.Delivery = c.unix(flow.Frontier), c.unix(flow.Last)
	p.Connected, p.Paused = flow.Connected != 0, flow.Paused > 0
	if p.Paused && s.Err == nil { // A worker whose target is away is not ready, and it is the one that knows.
		p.Ready = true
	}
	p.CPUSeconds, p.CPULimit = s.Page.CPUSeconds*c.speed, s.Page.CPULimit
	if all := s.Page.AllAcked(); all != flow.Acked {
		p.AllAcked = all
	}
	return p
}
