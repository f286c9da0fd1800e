package monitoring

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// point is one stored sample; times are Unix nanoseconds, start equals end for a gauge.
type point struct {
	start, end int64
	value      int64 // the count, for distributions
	sum        int64 // distributions only
}

// resourceKey names a subscription or a topic.
type resourceKey struct{ project, id string }

// series is one time series, oldest point first.
type series struct {
	metric  *metric
	project string
	id      string
	labels  []string
	points  []point

	total, totalSum int64 // the counter at the last sample
	sampled         int64 // when that was
}

// store holds every series. Its user serialises access.
type store struct {
	byMetric map[*metric]map[resourceKey][]*series
	previous map[*metric]int64 // when the metric was last sampled
	count    int               // series in all
}

func newStore(metrics []*metric, start time.Time) *store {
	st := &store{
		byMetric: make(map[*metric]map[resourceKey][]*series, len(metrics)),
		previous: make(map[*metric]int64, len(metrics)),
	}
	for _, m := range metrics {
		st.byMetric[m] = map[resourceKey][]*series{}
		st.previous[m] = start.UnixNano()
	}
	return st
}

func (st *store) addAll(m *metric, project, id string, readings []reading, at int64) {
	for _, r := range readings {
		st.add(m, project, id, r, at)
	}
}

// add appends one reading taken at the instant at. An instant that is not after the last one is ignored, so that a clock set
// back cannot write a second past.
func (st *store) add(m *metric, project, id string, r reading, at int64) {
	if at <= st.previous[m] {
		return
	}
	s := st.seriesOf(m, project, id, r.labels)
	p := point{start: at, end: at, value: r.value, sum: r.sum}
	if m.counter {
		p.value, p.sum = s.growth(r, st.previous[m])
	}
	if m.kind == delta {
		p.start = st.previous[m]
	}
	s.total, s.totalSum, s.sampled = r.value, r.sum, at
	s.points = append(s.points, p)
}

func (st *store) seriesOf(m *metric, project, id string, labels []string) *series {
	key := resourceKey{project, id}
	for _, s := range st.byMetric[m][key] {
		if slices.Equal(s.labels, labels) {
			return s
		}
	}
	s := &series{metric: m, project: project, id: id, labels: labels}
	st.byMetric[m][key] = append(st.byMetric[m][key], s)
	st.count++
	return s
}

// growth is what a counter gained since the previous sample. A counter that was not there then, or has gone back, belongs to
// a new subscription or topic of the same name and starts at 0.
func (s *series) growth(r reading, previous int64) (value, sum int64) {
	if s.sampled != previous || r.value < s.total {
		return r.value, r.sum
	}
	return r.value - s.total, r.sum - s.totalSum
}

// trim drops what is older than the window or beyond the cap, and series that have no points left.
func (st *store) trim(now time.Time, window time.Duration, maxPoints int) {
	oldest := now.Add(-window).UnixNano()
	limit := max(minSeriesPoints, maxPoints/max(1, st.count))
	for _, all := range st.byMetric {
		for key, list := range all {
			left := slices.DeleteFunc(list, func(s *series) bool {
				s.trim(oldest, limit)
				return len(s.points) == 0
			})
			st.count -= len(list) - len(left)
			all[key] = left
			if len(left) == 0 {
				delete(all, key)
			}
		}
	}
}

// trim only moves the slice's start: append gives the room back when it next grows.
func (s *series) trim(oldest int64, limit int) {
	drop := max(0, len(s.points)-limit, s.firstAfter(oldest))
	s.points = s.points[drop:]
}

// firstAfter is the index of the first point that ends after the instant.
func (s *series) firstAfter(instant int64) int {
	i, _ := slices.BinarySearchFunc(s.points, instant, func(p point, at int64) int {
		if p.end <= at {
			return -1
		}
		return 1
	})
	return i
}

// seriesOfMetric lists a metric's series of one project in a fixed order.
func (st *store) seriesOfMetric(m *metric, project string) []*series {
	var all []*series
	for key, list := range st.byMetric[m] {
		if key.project == project {
			all = append(all, list...)
		}
	}
	slices.SortFunc(all, func(a, b *series) int {
		return cmp.Or(strings.Compare(a.id, b.id), slices.Compare(a.labels, b.labels))
	})
	return all
}
