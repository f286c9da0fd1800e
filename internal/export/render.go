package export

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"spillway/internal/backlog"
)

const (
	gauge   = "gauge"
	counter = "counter"
)

// names are the series of one metric.
type names struct{ kind, value, stackdriver, age, state, total string }

// namesOf says what a metric's series are called. A delta's short name ends in _total, where Monitoring's ends in _count.
// The other name is the one that stackdriver_exporter gives it; in OpenMetrics a counter must end in _total whatever it is
// called.
func namesOf(d backlog.Definition, openMetrics bool) names {
	short := d.Metric.Short()
	n := names{kind: gauge, value: short, stackdriver: d.Metric.Stackdriver(), age: short + "_sample_age_seconds", state: short + "_sample_state"}
	if d.Metric.ByRegion() {
		n.total = strings.TrimSuffix(short, "_by_region") + "_all_regions"
	}
	if d.Kind == backlog.Delta {
		n.kind, n.value = counter, strings.TrimSuffix(short, "_count")+"_total"
		if openMetrics {
			n.stackdriver += "_total"
		}
	}
	return n
}

// render writes every series of a board as of now. A reading is judged at this moment, so it expires on time even if no
// poll comes any more. The value and age of an absent reading are not written at all: their series end, they neither
// freeze nor turn into 0. No series has a timestamp of its own, because what Prometheus receives minutes late an instant
// query misses; the sample's age is a series beside it.
func (b *board) render(e *exposition, now time.Time) {
	b.renderBacklog(e, now)
	for _, d := range b.definitions() {
		b.renderValues(e, d, now)
		b.renderStates(e, d, now)
	}
	b.renderEstimates(e, now)
	e.flush()
}

// definitions returns every metric that some section has: those of every subscription first.
func (b *board) definitions() []backlog.Definition {
	all := slices.Clone(b.metrics)
	for _, s := range b.sections {
		for _, c := range s.columns {
			if !slices.ContainsFunc(all, func(d backlog.Definition) bool { return d.Metric == c.def.Metric }) {
				all = append(all, c.def)
			}
		}
	}
	return all
}

// each visits every row of a metric.
func (b *board) each(m backlog.Metric, visit func(*section, *column, *row)) {
	for _, s := range b.sections {
		if c := s.column(m); c != nil {
			for i := range c.rows {
				visit(s, c, &c.rows[i])
			}
		}
	}
}

// renderBacklog writes the backlog that scaling is to use, and for each that is not fresh, why.
func (b *board) renderBacklog(e *exposition, now time.Time) {
	name := backlog.Backlog.Short()
	e.family(name, gauge, "Unacknowledged messages of the subscription by "+b.backlog.Name()+", which --backlog-metric chose.")
	b.each(b.backlog, func(s *section, c *column, r *row) {
		if j := c.judge(r, now); j.total.State != backlog.Absent {
			e.series(name, s.label, r.label)
			e.value(j.total.Value)
		}
	})
	e.family(name+"_reason", gauge, "1 with the reason why "+name+" is not fresh: "+strings.Join(reasons(), ", ")+".")
	b.each(b.backlog, func(s *section, c *column, r *row) {
		if reason := s.reason(c, r, c.judge(r, now)); reason != backlog.ReasonNone {
			e.series(name+"_reason", s.label, `reason="`+string(reason)+`"`, r.label)
			e.value(1)
		}
	})
}

func reasons() []string {
	return []string{
		string(backlog.ReasonNotPolled), string(backlog.ReasonGap), string(backlog.ReasonIdle), string(backlog.ReasonMissing),
		string(backlog.ReasonDeleted), string(backlog.ReasonRegion), string(backlog.ReasonFailing), string(backlog.ReasonForbidden),
	}
}

// renderValues writes the values of a metric under both names, and the total over regions.
func (b *board) renderValues(e *exposition, d backlog.Definition, now time.Time) {
	n, unit := namesOf(d, e.openMetrics), `unit="`+d.Unit+`"`
	e.family(n.value, n.kind, d.Help)
	b.each(d.Metric, func(s *section, c *column, r *row) { b.cells(e, s, c, r, now, n.value, "") })
	e.family(strings.TrimSuffix(n.stackdriver, openMetricsSuffix(e, n)), n.kind, d.Help+" The name and labels are stackdriver_exporter's.")
	b.each(d.Metric, func(s *section, c *column, r *row) { b.cells(e, s, c, r, now, n.stackdriver, unit) })
	if n.total == "" {
		return
	}
	e.family(n.total, gauge, fmt.Sprintf("What %s makes over all regions; missing while a region is missing.", n.value))
	b.each(d.Metric, func(s *section, c *column, r *row) {
		if j := c.judge(r, now); j.total.State != backlog.Absent {
			e.series(n.total, s.label, r.label)
			e.value(j.total.Value)
		}
	})
}

func openMetricsSuffix(e *exposition, n names) string {
	if e.openMetrics && n.kind == counter {
		return "_total"
	}
	return ""
}

// cells writes the series of one row, with the label unit behind their own unless it is empty.
func (b *board) cells(e *exposition, s *section, c *column, r *row, now time.Time, name, unit string) {
	written := false
	for i := range r.cells {
		one := &r.cells[i]
		if one.seen.Read(now, c.times.limits).State == backlog.Absent {
			continue
		}
		written = true
		if one.text == "" {
			e.series(name, s.label, r.label, unit)
		} else {
			e.series(name, one.text, unit)
		}
		e.value(one.seen.Value)
	}
	if !written && r.zero != nil && !c.def.Metric.ByRegion() && r.zero.Read(now, c.times.limits).State != backlog.Absent {
		e.series(name, s.label, r.label, unit)
		e.value(0)
	}
}

// renderStates writes how old each reading is and which state it is in.
func (b *board) renderStates(e *exposition, d backlog.Definition, now time.Time) {
	n := namesOf(d, e.openMetrics)
	e.family(n.age, gauge, "Seconds since the sample behind "+n.value+" was true; over regions that of the oldest.")
	b.each(d.Metric, func(s *section, c *column, r *row) {
		if j := c.judge(r, now); j.total.State != backlog.Absent {
			e.series(n.age, s.label, r.label)
			e.seconds(j.total.Age)
		}
	})
	e.family(n.state, gauge, "1 for the state that "+n.value+" is in: fresh, held (a gap, the last value is repeated) or absent.")
	b.each(d.Metric, func(s *section, c *column, r *row) {
		e.series(n.state, s.label, stateLabel(c.judge(r, now).total.State), r.label)
		e.value(1)
	})
}

func stateLabel(s backlog.State) string {
	switch s {
	case backlog.Fresh:
		return `state="fresh"`
	case backlog.Held:
		return `state="held"`
	case backlog.Absent:
		return `state="absent"`
	default:
		return `state="unknown"`
	}
}
