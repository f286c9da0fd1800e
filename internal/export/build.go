package export

import (
	"maps"
	"slices"
	"time"

	"spillway/internal/backlog"
)

// column returns what is known now for a board. idleAsZero counts those as 0 that are there and have been silent for long.
func (h *history) column(project string, r listing, idleAsZero bool) *column {
	c := &column{def: h.def, times: h.times, answered: h.answered, failure: h.failure}
	owner, tracks := owner(h.def.Metric), 0
	for _, s := range h.subjects {
		tracks += len(s.tracks)
	}
	c.rows = make([]row, 0, len(h.subjects))
	cells := make([]cell, 0, tracks) // one piece of memory for all rows
	for _, id := range slices.Sorted(maps.Keys(h.subjects)) {
		s := h.subjects[id]
		if s.label == "" {
			s.label = string(appendLabel(nil, owner, id))
		}
		if idleAsZero {
			h.idle(id, s, r)
		}
		from := len(cells)
		cells = s.cells(cells, id, project, owner, h.def.Kind)
		c.rows = append(c.rows, row{id: id, label: s.label, zero: s.zero, ever: s.ever, cut: s.cut, cells: cells[from:len(cells):len(cells)]})
	}
	return c
}

// idle notes that a subscription is there although no poll of its level has brought a sample for as long as a region is
// missed. A failing poll or an old list notes nothing: the last note ages like a sample.
func (h *history) idle(id string, s *subject, r listing) {
	silent := h.def.Kind == backlog.Gauge && !h.def.Metric.OfTopic() && s.asked && len(s.tracks) == 0
	if !silent {
		s.zero = nil
		return
	}
	if h.failure == nil && r.find(id, s.ever) == exists && h.answered.Sub(r.at) <= h.times.memory {
		zero := backlog.See(backlog.Sample{At: h.answered}, h.answered)
		s.zero = &zero
	}
}

// cells appends the subject's series.
func (s *subject) cells(to []cell, id, project, owner string, kind backlog.Kind) []cell {
	for _, t := range s.tracks {
		if t.text == "" && len(t.labels) > 0 {
			t.text = labelText(project, owner, id, t.labels)
		}
		to = append(to, cell{labels: t.labels, text: t.text, seen: t.seen, rate: t.rate(kind)})
	}
	return to
}

// owner is the label that names what a metric belongs to.
func owner(m backlog.Metric) string {
	if m.OfTopic() {
		return "topic_id"
	}
	return "subscription_id"
}

// wantedIDs returns the subscriptions that want a metric: all of them if it is read for every one.
func wantedIDs(wants map[string]want, m backlog.Metric, every bool) []string {
	var ids []string
	for id, w := range wants {
		if _, asks := slices.BinarySearch(w.metrics, m); every || asks {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// definitions returns those of every subscription and then those that some want beyond them, in order. What Pub/Sub does
// not document, or what is no number, is left out.
func definitions(every []backlog.Definition, wants map[string]want) []backlog.Definition {
	all, extra := slices.Clone(every), map[backlog.Metric]bool{}
	for _, w := range wants {
		for _, m := range w.metrics {
			extra[m] = true
		}
	}
	for _, d := range every {
		delete(extra, d.Metric)
	}
	for _, m := range slices.Sorted(maps.Keys(extra)) {
		if d, err := backlog.Describe(string(m)); err == nil && d.Kind != backlog.Distribution {
			all = append(all, d)
		}
	}
	return all
}

// pace returns when the next poll begins: soon after new samples become visible, which is when newest, an instant at which
// a sample was true, is a whole number of intervals and the delay of visibility ago. late spreads many exporters' polls
// over the first part of an interval, 0 to 1. The first two polls may lie up to one and a half intervals apart.
func pace(now, newest time.Time, interval, delay time.Duration, late float64) time.Time {
	lag := interval/60 + time.Duration(late*float64(interval)/20)
	if newest.IsZero() {
		return now.Add(interval - time.Duration(late*float64(interval)/20))
	}
	earliest := now.Add(interval / 2)
	over := earliest.Sub(newest.Add(delay+lag)) % interval
	if over <= 0 {
		return earliest.Add(-over)
	}
	return earliest.Add(interval - over)
}
