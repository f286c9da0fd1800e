package export

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"spillway/internal/backlog"
)

// board is what is known at one instant. It is never changed once published; a poll makes a new section for its project
// and a new board around it.
type board struct {
	metrics  []backlog.Definition // read for every subscription, in the order of the options
	backlog  backlog.Metric       // what backlog.Backlog stands for
	sections []*section           // in the order of their projects
	// estimates are what is believed beyond Monitoring's samples, in order.
	estimates []*estimated
}

// section is one project.
type section struct {
	project  string
	label    string // project_id="shop"
	ids      []string
	wants    map[string]want
	columns  []*column
	backlog  backlog.Metric
	complete time.Time // when the last poll began that was answered in full; zero before the first
	roster   listing
}

// column is one metric of a project.
type column struct {
	def      backlog.Definition
	times    times
	rows     []row // in the order of their IDs
	answered time.Time
	failure  error
}

// row is one metric of one subscription, or topic.
type row struct {
	id    string
	label string // subscription_id="offers"
	cells []cell
	// zero is when a subscription was last found to be idle, if that is to count as a backlog of 0; else nil.
	zero *backlog.Seen
	ever bool
	cut  bool // there are more cells than are kept
}

// cell is one series.
type cell struct {
	labels []backlog.Label
	text   string // the labels as they are served, with the row's and section's, without braces; empty without own labels
	seen   backlog.Seen
	rate   float64
}

// section returns the project's, or nil.
func (b *board) section(project string) *section {
	at, found := slices.BinarySearchFunc(b.sections, project, func(s *section, p string) int { return strings.Compare(s.project, p) })
	if !found {
		return nil
	}
	return b.sections[at]
}

// with returns a board on which s has taken the place of its project's last section.
func (b *board) with(s *section) *board {
	next := b.without(s.project)
	at, _ := slices.BinarySearchFunc(next.sections, s.project, func(s *section, p string) int { return strings.Compare(s.project, p) })
	next.sections = slices.Insert(next.sections, at, s)
	return next
}

// without returns a board without a project.
func (b *board) without(project string) *board {
	next := *b
	next.sections = slices.DeleteFunc(slices.Clone(b.sections), func(s *section) bool { return s.project == project })
	return &next
}

// definition finds one of the metrics that are on the board for every subscription or for this section's.
func (s *section) column(m backlog.Metric) *column {
	for _, c := range s.columns {
		if c.def.Metric == m {
			return c
		}
	}
	return nil
}

func (c *column) row(id string) *row {
	at, found := slices.BinarySearchFunc(c.rows, id, func(r row, id string) int { return strings.Compare(r.id, id) })
	if !found {
		return nil
	}
	return &c.rows[at]
}

// judged is one row at one instant.
type judged struct {
	total backlog.Reading
	rate  float64
	// missing is a region that was there before and has no believable sample, or empty.
	missing string
	idle    bool
}

// judge adds the cells up. Over regions there is a total only when every region is there that was there before: it is as
// old as its oldest and as good as its worst part. Over other labels, such as delivery types, of which some rest while
// others work, it is as good as its best.
func (c *column) judge(r *row, now time.Time) judged {
	var j judged
	regions := c.def.Metric.ByRegion()
	if r.cut && regions {
		j.missing = fmt.Sprintf("%d and later", maxTracks)
	}
	for i := range r.cells {
		one := r.cells[i].seen.Read(now, c.times.limits)
		if one.State == backlog.Absent {
			if regions && j.missing == "" {
				j.missing = value(r.cells[i].labels, "region")
			}
			continue
		}
		j.rate += r.cells[i].rate
		j.total = c.add(j.total, one, regions)
	}
	switch {
	case j.total.State == backlog.Absent:
		j.missing = "" // nothing is there at all
	case j.missing != "":
		j.total, j.rate = backlog.Reading{}, 0
	}
	if j.total.State == backlog.Absent && j.missing == "" && r.zero != nil {
		j.total = r.zero.Read(now, c.times.limits)
		j.idle = j.total.State != backlog.Absent
	}
	return j
}

// add adds a part to a total, which is absent before the first.
func (c *column) add(total, part backlog.Reading, worst bool) backlog.Reading {
	if total.State == backlog.Absent {
		return part
	}
	sum := total.Value + part.Value
	if strings.HasPrefix(c.def.Metric.Name(), "oldest_") {
		sum = max(total.Value, part.Value)
	}
	if (part.Age > total.Age) == worst {
		total = part
	}
	total.Value = sum
	return total
}

func value(labels []backlog.Label, name string) string {
	for _, l := range labels {
		if l.Name == name {
			return l.Value
		}
	}
	return "?"
}

// series returns the cells that can be believed.
func (c *column) series(r *row, now time.Time) []backlog.Series {
	var list []backlog.Series
	for i := range r.cells {
		one := &r.cells[i]
		if reading := one.seen.Read(now, c.times.limits); reading.State != backlog.Absent {
			list = append(list, backlog.Series{Labels: one.labels, Reading: reading, Rate: one.rate})
		}
	}
	return list
}
