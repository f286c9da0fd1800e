package export

import (
	"slices"
	"time"
)

const (
	// seam is what two intervals may lie apart and still be neighbours: Monitoring's begin a little after the last ends, and
	// none is as short.
	seam = 10 * time.Millisecond
	// maxSpans bounds the gaps of one series that are remembered. An hour has 60 intervals.
	maxSpans = 120
)

// spans is the time whose growth a counter holds already: everything up to floor, and the spans after it.
type spans struct {
	floor time.Time
	later []span // in order, and apart by more than seam
}

type span struct{ start, end time.Time }

// add takes in an interval and returns the share of it, 0 to 1, that was not in before.
func (s *spans) add(start, end time.Time) float64 {
	length := end.Sub(start)
	if length <= 0 {
		return 0
	}
	known := overlap(span{start, end}, span{time.Time{}, s.floor})
	for _, one := range s.later {
		known += overlap(span{start, end}, one)
	}
	if known < length {
		s.put(span{start, end})
	}
	return max(0, float64(length-known)/float64(length))
}

func overlap(a, b span) time.Duration {
	start, end := a.start, a.end
	if b.start.After(start) {
		start = b.start
	}
	if b.end.Before(end) {
		end = b.end
	}
	return max(0, end.Sub(start))
}

// put inserts a span and joins it with its neighbours.
func (s *spans) put(n span) {
	at, _ := slices.BinarySearchFunc(s.later, n, func(a, b span) int { return a.start.Compare(b.start) })
	s.later = slices.Insert(s.later, at, n)
	joined := s.later[:1]
	for _, one := range s.later[1:] {
		last := &joined[len(joined)-1]
		if one.start.Sub(last.end) > seam {
			joined = append(joined, one)
		} else if one.end.After(last.end) {
			last.end = one.end
		}
	}
	s.later = joined
	s.settle(s.floor)
	for len(s.later) > maxSpans {
		s.settle(s.later[0].end)
	}
}

// settle raises the floor to at least at. What lies before it and was never added is given up.
func (s *spans) settle(at time.Time) {
	if at.After(s.floor) {
		s.floor = at
	}
	for len(s.later) > 0 && s.later[0].start.Sub(s.floor) <= seam {
		if s.later[0].end.After(s.floor) {
			s.floor = s.later[0].end
		}
		s.later = s.later[1:]
	}
}
