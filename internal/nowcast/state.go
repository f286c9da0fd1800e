package nowcast

import "time"

// State is what the law remembers of one subscription between two ticks: a few hundred bytes per pod and at most 16 KB of history.
// The zero value has seen nothing yet. It is not safe for concurrent use.
type State struct {
	began, last time.Time
	index       map[string]*counted
	pods        []*counted // The same, in the order in which they came: sums must not depend on a map's.
	gone        counts     // What pods that are no more had counted.
	history     []point
	round       uint64

	age         float64 // Of first deliveries; kept while none are made.
	steady      float64 // The same without the noise of single scrapes; 0 while caught up.
	caughtSince time.Time
	clear       anchor // The last instant seen caught up.

	slots, cpu  quotient // Acks over handler seconds and over processor seconds.
	sated       quotient // Acks over seconds of saturated pods.
	slotsPerPod float64
	cores       float64
	reached     float64
	reachedMax  float64
	remote      float64 // Messages a second of one pod by Monitoring alone.
	verdicts    quotient

	calm       float64 // The last arrival rate that was no guess.
	step       float64 // The rate of a step that has just begun.
	desired    float64
	haveWanted bool
	absent     bool
	floorUntil time.Time
}

// counts are cumulative; the law needs two of them for the whole fleet.
type counts struct{ delivered, left float64 }

func (c counts) plus(o counts, times float64) counts {
	return counts{c.delivered + o.delivered*times, c.left + o.left*times}
}

// counted is what is remembered of a pod.
type counted struct {
	name    string
	scrape  Pod
	total   counts  // Since it was first seen, without resets.
	rate    counts  // In a second, over the last interval.
	guess   counts  // Counted for it while it cannot be scraped.
	full    bool    // It had no free slot.
	brought bool    // It delivered something in the last interval.
	current bool    // Its scrape counts at this tick.
	wanted  bool    // It is ready, so it should be scraped.
	clock   float64 // By how much its ages are off, in seconds, learned while nothing waits.
	clocked int     // Scrapes that it was learned of.
	excess  float64 // Handler seconds beyond those that its slots have.
	lies    bool    // They are too many to be true.
	round   uint64
}

// point is the fleet at one tick. Times are seconds since the State began.
type point struct {
	at       float64
	counts   counts
	frontier float64
}

// anchor is a backlog that was true at an instant.
type anchor struct {
	backlog float64
	at      time.Time
}

// quotient is a ratio whose parts fade.
type quotient struct{ over, under float64 }

func (q *quotient) fade(by float64)         { q.over *= by; q.under *= by }
func (q *quotient) add(over, under float64) { q.over += over; q.under += under }
func (q *quotient) value() float64          { return ratio(q.over, q.under) }
func (s *State) since(t time.Time) float64  { return t.Sub(s.began).Seconds() }

// ratio is 0 where there is nothing to divide by: unknown to those who ask for a capacity.
func ratio(over, under float64) float64 {
	if !(under > 1e-9) || !(over > 0) {
		return 0
	}
	return finite(over / under)
}

// remember adds a point and forgets those that nobody will ask for.
func (s *State) remember(p point) {
	drop := 0
	for drop+2 < len(s.history) && (s.history[drop+1].at < p.at-historyKept || len(s.history)-drop >= 400) {
		drop++
	}
	// Moving the rest for one point at every tick would be most of the work.
	if drop >= 64 || len(s.history) >= 400 {
		s.history = s.history[:copy(s.history, s.history[drop:])]
	}
	s.history = append(s.history, p)
}

// leftAt is D at a time, between points in proportion and before the first as it went on from there.
func (s *State) leftAt(at float64) (left float64, known bool) {
	h := s.history
	if len(h) < 2 {
		return 0, false
	}
	i := len(h) - 1
	for i > 1 && h[i-1].at > at {
		i--
	}
	a, b := h[i-1], h[i]
	if b.at <= a.at {
		return b.counts.left, true
	}
	return a.counts.left + (b.counts.left-a.counts.left)*(min(at, b.at)-a.at)/(b.at-a.at), true
}

// reaches reports whether the history goes back to a time, or within a look back of it.
func (s *State) reaches(at float64) bool { return len(s.history) > 1 && s.history[0].at <= at+lookBack }

// forget drops everything that is bound to the clock, which has been set back or has jumped. What a pod can do is not.
func (s *State) forget(now time.Time) {
	s.began, s.history = now, s.history[:0]
	s.index, s.pods, s.gone = map[string]*counted{}, nil, counts{}
	s.caughtSince, s.clear = time.Time{}, anchor{}
	s.age, s.steady, s.calm, s.step = 0, 0, 0, 0
	s.floorUntil = time.Time{}
}
