package monitoring

import (
	"slices"
	"time"
)

// lens is what the faults leave to be seen at one instant. It is made for one request and not changed.
type lens struct {
	seed   uint64
	faults []activeFault
	now    int64
}

func (fs *faultSet) at(now time.Time) lens {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	l := lens{seed: fs.seed, now: now.UnixNano()}
	for _, f := range fs.set {
		if !f.hitsRequests() {
			l.faults = append(l.faults, f)
		}
	}
	return l
}

// on narrows the lens to the faults that concern one series.
func (l lens) on(s *series) lens {
	concerning := lens{seed: l.seed, now: l.now}
	for _, f := range l.faults {
		if f.concerns(s) {
			concerning.faults = append(concerning.faults, f)
		}
	}
	return concerning
}

// points are the points of a series that end in (after, until] and can be seen, oldest first.
func (l lens) points(s *series, after, until int64) []point {
	l = l.on(s)
	var seen []point
	for _, p := range s.points[s.firstAfter(after):] {
		if p.end > until {
			break
		}
		if l.shows(s, p) {
			seen = append(seen, p)
		}
	}
	return seen
}

// newest is the last point that can be seen.
func (l lens) newest(s *series) (point, bool) {
	if l.empties(s) {
		return point{}, false
	}
	l = l.on(s)
	for _, p := range slices.Backward(s.points) {
		if l.shows(s, p) {
			return p, true
		}
	}
	return point{}, false
}

// empties reports whether the series comes back without its points.
func (l lens) empties(s *series) bool {
	for _, f := range l.on(s).faults {
		if f.Kind == FaultEmpty && f.covers(l.now) && f.hits(l.seed, s, point{}) {
			return true
		}
	}
	return false
}

// shows holds one point of a series against the visibility delay and the faults that concern the series.
func (l lens) shows(s *series, p point) bool {
	visible := p.end + int64(s.metric.delay)
	if visible > l.now {
		return false
	}
	for _, f := range l.faults {
		if f.Kind == FaultEmpty || !f.covers(p.end) || !f.hits(l.seed, s, p) {
			continue
		}
		if f.Kind == FaultLate {
			visible += int64(f.Delay)
			continue
		}
		return false
	}
	return visible <= l.now
}

// hits draws whether the fault's share holds this point.
func (f activeFault) hits(seed uint64, s *series, p point) bool {
	return f.Share == 0 || draw(seed, f.Kind, s.metric.name, s.project, s.id, s.labels, p.end) < f.Share
}
