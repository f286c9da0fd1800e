package export

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/backlog"
	"spillway/internal/config"
)

// Current is the newest board. It is safe for concurrent use; readers never wait.
type Current struct {
	shown atomic.Pointer[board]
	mu    sync.Mutex // held by who makes the next one
}

var _ backlog.Board = (*Current)(nil)

func newCurrent(metrics []backlog.Definition, of backlog.Metric) *Current {
	c := &Current{}
	c.shown.Store(&board{metrics: metrics, backlog: of})
	return c
}

func (c *Current) load() *board { return c.shown.Load() }

// change replaces the board by what next makes of it.
func (c *Current) change(next func(*board) *board) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shown.Store(next(c.shown.Load()))
}

// Subscriptions returns every subscription that is watched, in order.
func (c *Current) Subscriptions() []backlog.Subscription {
	var subs []backlog.Subscription
	for _, s := range c.load().sections {
		for _, id := range s.ids {
			subs = append(subs, backlog.Subscription{Project: s.project, ID: id})
		}
	}
	return subs
}

// Metrics returns those that are read for every subscription, in order, backlog.Backlog, and those that are made here.
func (c *Current) Metrics() []backlog.Metric {
	metrics := []backlog.Metric{backlog.Backlog}
	for _, d := range backlog.Estimates() {
		metrics = append(metrics, d.Metric)
	}
	for _, d := range c.load().metrics {
		if !d.Metric.OfTopic() {
			metrics = append(metrics, d.Metric)
		}
	}
	return metrics
}

// Answer says what is known about one metric of one subscription at now.
func (c *Current) Answer(sub backlog.Subscription, m backlog.Metric, now time.Time) backlog.Answer {
	b := c.load()
	if m.Estimated() {
		return b.estimate(sub, m, now)
	}
	if m == backlog.Backlog {
		m = b.backlog
	}
	s := b.section(sub.Project)
	if s == nil {
		return notWatched(sub, m)
	}
	return s.answer(sub, m, now)
}

func notWatched(sub backlog.Subscription, m backlog.Metric) backlog.Answer {
	return backlog.Answer{
		Reason: backlog.ReasonNotWatched,
		Why:    fmt.Sprintf("nobody watches %s of %s: name the subscription by --subscription or --discover, and the metric by --metrics", m.Name(), sub),
	}
}

func (s *section) answer(sub backlog.Subscription, m backlog.Metric, now time.Time) backlog.Answer {
	if _, watched := s.wants[sub.ID]; !watched {
		return notWatched(sub, m)
	}
	col := s.column(m)
	if col == nil {
		return notWatched(sub, m)
	}
	r := col.row(sub.ID)
	if r == nil {
		return backlog.Answer{Reason: backlog.ReasonNotPolled, Why: "Cloud Monitoring has not been asked yet"}
	}
	j := col.judge(r, now)
	a := backlog.Answer{Total: j.total, Rate: j.rate, Series: col.series(r, now)}
	a.Reason = s.reason(col, r, j)
	a.Why = s.why(col, r, j, a.Reason)
	return a
}

// reason says why a row is not fresh.
func (s *section) reason(c *column, r *row, j judged) backlog.Reason {
	switch {
	case j.idle:
		return backlog.ReasonIdle
	case j.total.State == backlog.Fresh:
		return backlog.ReasonNone
	}
	there := s.roster.find(r.id, s.ever(r.id))
	switch {
	case there == missing:
		return backlog.ReasonMissing
	case there == deleted:
		return backlog.ReasonDeleted
	case status.Code(c.failure) == codes.PermissionDenied:
		return backlog.ReasonForbidden
	case c.failure != nil:
		return backlog.ReasonFailing
	case c.answered.IsZero():
		return backlog.ReasonNotPolled
	case j.missing != "":
		return backlog.ReasonRegion
	case there == exists && len(r.cells) == 0:
		return backlog.ReasonIdle
	default:
		return backlog.ReasonGap
	}
}

// ever reports whether any metric of the subscription has had a sample.
func (s *section) ever(id string) bool {
	return slices.ContainsFunc(s.columns, func(c *column) bool {
		r := c.row(id)
		return r != nil && r.ever
	})
}

// why says it to people, with the cure.
func (s *section) why(c *column, r *row, j judged, reason backlog.Reason) string {
	switch reason {
	case backlog.ReasonNone:
		return ""
	case backlog.ReasonIdle:
		if j.idle {
			return "the subscription exists and has had no sample for " + c.times.memory.String() + ", which --idle-as-zero counts as 0"
		}
		return "the subscription exists and has had no sample for long; publish a message, or give --idle-as-zero"
	case backlog.ReasonMissing:
		return s.misspelt(r.id)
	case backlog.ReasonDeleted:
		return "the subscription was deleted"
	case backlog.ReasonFailing, backlog.ReasonForbidden:
		return c.failure.Error()
	case backlog.ReasonNotPolled:
		return "Cloud Monitoring has not answered yet"
	case backlog.ReasonRegion:
		return fmt.Sprintf("region %s was there within the last %s and has no recent sample, so a total would be too low", j.missing, c.times.memory)
	default:
		return s.gap(c)
	}
}

func (s *section) gap(c *column) string {
	why := fmt.Sprintf("Cloud Monitoring has no sample younger than %s", c.times.limits.Fresh)
	switch {
	case s.roster.fail != nil:
		return why + "; whether the subscription exists is not known: " + s.roster.fail.Error()
	case s.roster.at.IsZero():
		return why + "; check the name: a new subscription has samples after some minutes, and Monitoring may have a gap"
	default:
		return why + "; the subscription exists, so Monitoring has a gap"
	}
}

// misspelt says that there is no such subscription, and which may be meant.
func (s *section) misspelt(id string) string {
	why := fmt.Sprintf("project %s has no subscription %s", s.project, id)
	names := slices.DeleteFunc(s.roster.names(), func(n string) bool { return n == id })
	if near, found := config.Nearest(id, names); found {
		return why + "; did you mean " + near + "?"
	}
	return why + "; check its name and project"
}
