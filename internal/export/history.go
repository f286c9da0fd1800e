package export

import (
	"maps"
	"slices"
	"strings"
	"time"

	"spillway/internal/backlog"
)

// maxTracks bounds the series of one metric of one subscription: regions, response codes.
const maxTracks = 100

// times are the bounds of one metric's ages, as the options make them.
type times struct {
	limits backlog.Limits
	// due is the age of a sample at which the next one is due.
	due time.Duration
	// window is what every poll asks for, first what the first one does: a region that was seen in that time is missed.
	window, first time.Duration
	// memory is how long a region is missed, and how long a subscription must be silent to be idle.
	memory time.Duration
}

// history is what the polls of one metric of one project have brought. One goroutine uses it.
type history struct {
	def      backlog.Definition
	times    times
	subjects map[string]*subject // by short ID
	answered time.Time           // when the last poll began that was answered
	failure  error               // of the last poll
}

func newHistory(def backlog.Definition, t times) *history {
	return &history{def: def, times: t, subjects: map[string]*subject{}}
}

// subject is a subscription, or a topic.
type subject struct {
	tracks []*track // in the order of their labels
	// counted is when counting begins: what a delta added before is not in its counter. A counter begins at 0 with the
	// process, so what the process before it may have counted is not counted again.
	counted time.Time
	asked   bool
	ever    bool          // has had a sample
	cut     bool          // has more series than are kept
	zero    *backlog.Seen // when it was last found to be idle, if that is to count as 0; never changed once made
	label   string        // as it is served
	state   backlog.State // as last logged
	known   bool          // whether state was ever logged
}

// track is one series of a subject.
type track struct {
	labels []backlog.Label
	newest backlog.Point
	seen   backlog.Seen
	total  float64
	spans  spans
	text   string // the labels as they are served, with the subject's and the project's
}

// since returns the instant from which on the next poll has to ask. Who is asked for the first time is asked about longer.
func (h *history) since(ids []string, now time.Time) time.Time {
	window, from := h.times.window, now
	if h.answered.IsZero() || slices.ContainsFunc(ids, func(id string) bool { return h.subjects[id] == nil || !h.subjects[id].asked }) {
		window = h.times.first
	} else if h.answered.Before(now) {
		from = h.answered
	}
	since := from.Add(-window)
	if oldest := now.Add(-max(h.times.first, h.times.memory)); since.Before(oldest) {
		return oldest
	}
	return since
}

// expect makes room for those who will be asked for.
func (h *history) expect(ids []string) {
	for _, id := range ids {
		if h.subjects[id] == nil {
			h.subjects[id] = &subject{}
		}
	}
}

// take adds the answer to a poll that began at now and asked for ids, or for everything when there are none.
func (h *history) take(ids []string, list []backlog.Measured, now time.Time) {
	h.answered, h.failure = now, nil
	h.expect(ids)
	for _, s := range h.subjects {
		s.cut = false
	}
	for _, one := range list {
		s := h.subjects[one.ID]
		if s == nil {
			if len(ids) > 0 {
				continue
			}
			s = &subject{}
			h.subjects[one.ID] = s
		}
		t := s.track(one.Labels)
		if t == nil {
			s.cut = true
			continue
		}
		t.take(one.Points, now, h.def.Kind, s.asked)
		s.ever = true
	}
	h.settle(ids, now)
}

// settle ends a poll: it begins to count, and forgets who is not asked for any more and what was not seen for long.
func (h *history) settle(ids []string, now time.Time) {
	if len(ids) > 0 && len(h.subjects) > len(ids) {
		maps.DeleteFunc(h.subjects, func(id string, _ *subject) bool {
			_, asked := slices.BinarySearch(ids, id)
			return !asked
		})
	}
	for _, s := range h.subjects {
		if !s.asked {
			s.begin(now.Add(-h.times.due))
		}
		if h.def.Kind == backlog.Delta {
			for _, t := range s.tracks {
				t.spans.settle(now.Add(-h.times.memory))
			}
			continue
		}
		s.tracks = slices.DeleteFunc(s.tracks, func(t *track) bool { return t.seen.Read(now, backlog.Limits{}).Age > h.times.memory })
	}
}

// begin counts from the newest point on, or from otherwise if there is none.
func (s *subject) begin(otherwise time.Time) {
	s.asked = true
	for _, t := range s.tracks {
		if t.newest.End.After(s.counted) {
			s.counted = t.newest.End
		}
	}
	if s.counted.IsZero() {
		s.counted = otherwise
	}
	for _, t := range s.tracks {
		t.spans.settle(s.counted)
	}
}

// track returns the series with these labels, or nil when there are too many.
func (s *subject) track(labels []backlog.Label) *track {
	at, found := slices.BinarySearchFunc(s.tracks, labels, func(t *track, l []backlog.Label) int { return compareLabels(t.labels, l) })
	if found {
		return s.tracks[at]
	}
	if len(s.tracks) == maxTracks {
		return nil
	}
	t := &track{labels: labels, spans: spans{floor: s.counted}}
	s.tracks = slices.Insert(s.tracks, at, t)
	return t
}

func compareLabels(a, b []backlog.Label) int {
	return slices.CompareFunc(a, b, func(a, b backlog.Label) int {
		if by := strings.Compare(a.Name, b.Name); by != 0 {
			return by
		}
		return strings.Compare(a.Value, b.Value)
	})
}

// take adds points: of levels the newest counts, and the same instant may be corrected; of deltas each interval counts
// once, in whatever order they come.
func (t *track) take(points []backlog.Point, now time.Time, kind backlog.Kind, counting bool) {
	for _, p := range points {
		if kind == backlog.Delta && counting {
			t.total += p.Value * t.spans.add(p.Start, p.End)
		}
		if p.End.Before(t.newest.End) {
			continue
		}
		if p.End.After(t.newest.End) {
			t.seen = backlog.See(backlog.Sample{At: p.End}, now)
		}
		t.newest = p
	}
	t.seen.Value = t.newest.Value
	if kind == backlog.Delta {
		t.seen.Value = t.total
	}
}

// rate is what a delta added per second during its newest interval.
func (t *track) rate(kind backlog.Kind) float64 {
	if length := t.newest.End.Sub(t.newest.Start); kind == backlog.Delta && length > 0 {
		return t.newest.Value / length.Seconds()
	}
	return 0
}
