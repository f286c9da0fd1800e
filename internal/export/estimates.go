package export

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"spillway/internal/backlog"
)

// estimated is what is believed of one subscription beyond what Monitoring says, by the law of the flags or by that of one autoscaler. It is
// never changed once made.
type estimated struct {
	sub backlog.Subscription
	// namespace and autoscaler name the one whose annotations made the law; empty for the flags'.
	namespace, autoscaler string
	// before and after are the labels as they are served, around where a state comes.
	before, after string
	// values are in the order of backlog.Estimates.
	values []estimate
	// staffed says that somebody is known to work on it; of those, expected should be scraped and scraped were.
	staffed           bool
	expected, scraped int
	explained         explained
}

// estimate is one number, or why there is none.
type estimate struct {
	seen   backlog.Seen
	limits backlog.Limits
	reason backlog.Reason
	why    string
}

// explained says how the numbers came about: String for people, Document for programs.
type explained interface {
	String() string
	Document() any
}

// compare orders by subscription; the flags' law comes first.
func (e *estimated) compare(o *estimated) int {
	return cmp.Or(e.sub.Compare(o.sub), strings.Compare(e.namespace, o.namespace), strings.Compare(e.autoscaler, o.autoscaler))
}

// name makes the labels.
func (e *estimated) name() {
	var text []byte
	if e.autoscaler != "" {
		text = append(appendLabel(text, "horizontalpodautoscaler", e.autoscaler), ',')
		text = append(appendLabel(text, "namespace", e.namespace), ',')
	}
	e.before = string(appendLabel(text, "project_id", e.sub.Project))
	e.after = string(appendLabel(nil, "subscription_id", e.sub.ID))
}

// read judges one of the values at now.
func (e *estimated) read(i int, now time.Time) backlog.Reading {
	return e.values[i].seen.Read(now, e.values[i].limits)
}

// estimatesOf returns those of one subscription: the flags' first.
func (b *board) estimatesOf(sub backlog.Subscription) []*estimated {
	from, _ := slices.BinarySearchFunc(b.estimates, sub, func(e *estimated, s backlog.Subscription) int { return e.sub.Compare(s) })
	to := from
	for to < len(b.estimates) && b.estimates[to].sub == sub {
		to++
	}
	return b.estimates[from:to]
}

// estimate answers about a metric that is made here.
func (b *board) estimate(sub backlog.Subscription, m backlog.Metric, now time.Time) backlog.Answer {
	i := slices.IndexFunc(backlog.Estimates(), func(d backlog.Definition) bool { return d.Metric == m })
	all := b.estimatesOf(sub)
	if len(all) == 0 {
		return b.notEstimated(sub, m)
	}
	var answer backlog.Answer
	for _, e := range all {
		reading := e.read(i, now)
		if e.autoscaler != "" {
			answer.Variants = append(answer.Variants, backlog.Series{Labels: []backlog.Label{
				{Name: "horizontalpodautoscaler", Value: e.autoscaler}, {Name: "namespace", Value: e.namespace},
			}, Reading: reading})
			continue
		}
		answer.Total = reading
		if reading.State != backlog.Fresh {
			answer.Reason, answer.Why = e.values[i].reason, e.values[i].why
		}
		if reading.State == backlog.Absent && answer.Reason == backlog.ReasonNone {
			answer.Reason, answer.Why = backlog.ReasonGap, "nothing was heard of it for too long"
		}
	}
	return answer
}

// notEstimated says why there is nothing: nobody watches the subscription, or nobody wants it estimated.
func (b *board) notEstimated(sub backlog.Subscription, m backlog.Metric) backlog.Answer {
	s := b.section(sub.Project)
	if s == nil {
		return notWatched(sub, m)
	}
	if _, watched := s.wants[sub.ID]; !watched {
		return notWatched(sub, m)
	}
	return backlog.Answer{
		Reason: backlog.ReasonNotWatched,
		Why:    "nobody is known to work on " + sub.String() + ": name its workers by --worker or --workers-file, give --kube in a cluster, or --estimate-all",
	}
}

// renderEstimates writes what is believed, as of now: values and ages that are there, the state of every one, and who was scraped for it.
func (b *board) renderEstimates(e *exposition, now time.Time) {
	if len(b.estimates) == 0 {
		return
	}
	for i, d := range backlog.Estimates() {
		n := namesOf(d, e.openMetrics)
		e.family(n.value, gauge, d.Help)
		b.eachEstimate(i, now, func(one *estimated, r backlog.Reading) {
			if r.State != backlog.Absent {
				e.series(n.value, one.before, one.after)
				e.value(r.Value)
			}
		})
		e.family(n.age, gauge, "Seconds since "+n.value+" was true.")
		b.eachEstimate(i, now, func(one *estimated, r backlog.Reading) {
			if r.State != backlog.Absent {
				e.series(n.age, one.before, one.after)
				e.seconds(r.Age)
			}
		})
		e.family(n.state, gauge, "1 for the state that "+n.value+" is in: fresh, held (the last value is repeated) or absent.")
		b.eachEstimate(i, now, func(one *estimated, r backlog.Reading) {
			e.series(n.state, one.before, stateLabel(r.State), one.after)
			e.value(1)
		})
	}
	b.renderCoverage(e)
}

func (b *board) eachEstimate(i int, now time.Time, visit func(*estimated, backlog.Reading)) {
	for _, one := range b.estimates {
		visit(one, one.read(i, now))
	}
}

func (b *board) renderCoverage(e *exposition) {
	for _, g := range []struct {
		name, help string
		of         func(*estimated) int
	}{
		{"spillway_fleet_pods_expected", "Workers of the subscription that are ready, so that they should be scraped.", func(e *estimated) int { return e.expected }},
		{"spillway_fleet_pods_scraped", "Of those, the ones whose scrape counts; less than half: Monitoring alone counts.", func(e *estimated) int { return e.scraped }},
	} {
		e.family(g.name, gauge, g.help)
		for _, one := range b.estimates {
			if one.staffed && one.autoscaler == "" {
				e.series(g.name, one.before, one.after)
				e.value(float64(g.of(one)))
			}
		}
	}
}
