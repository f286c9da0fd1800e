package cloudmon

import (
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"spillway/internal/backlog"
)

const (
	// clockSlack is how far ahead of this machine's clock a point may be. Later ones are ignored, because a sample of next
	// year would count as fresh until then.
	clockSlack = time.Minute
	// maxLabels and maxLabel bound what a series may say about itself: the service's own have at most three short labels.
	maxLabels = 16
	maxLabel  = 1024
)

// decoder gathers the series that were asked for, straight from the encoded answer: the generated messages of a page take
// thirty times the memory of what is kept of them. It reads what proto.Unmarshal reads; FuzzDecode holds the two against
// each other. Field numbers are those of google/monitoring/v3/metric_service.proto and what that imports.
type decoder struct {
	query  Query
	owner  string            // the label that names whom a series belongs to
	wanted map[string]string // each ID to itself, so that no series needs a copy; nil means all
	texts  map[string]string // label values likewise
	raw    rawSeries
	answer Answer
}

func newDecoder(q Query) *decoder {
	d := &decoder{query: q, owner: owner(q.Metric) + "_id", texts: map[string]string{}}
	if len(q.IDs) > 0 {
		d.wanted = make(map[string]string, len(q.IDs))
		for _, id := range q.IDs {
			d.wanted[id] = id
		}
		d.answer.Series = make([]backlog.Measured, 0, len(q.IDs))
	}
	return d
}

// page takes in an encoded ListTimeSeriesResponse and returns the token of the next page.
func (d *decoder) page(b []byte) (next string, err error) {
	for f, err := range fields(b) {
		switch {
		case err != nil:
			return "", err
		case f.is(1, protowire.BytesType):
			if err := d.series(f.bytes); err != nil {
				return "", err
			}
		case f.is(2, protowire.BytesType):
			next = string(f.bytes)
		}
	}
	return next, nil
}

// series takes in one series. A series of another subscription, project or metric is only counted; one without points adds
// nothing.
func (d *decoder) series(b []byte) error {
	if err := d.raw.decode(b, d.owner); err != nil {
		return err
	}
	d.answer.Returned++
	id, ok := d.asked()
	if !ok {
		return nil
	}
	labels, ok := d.labels()
	if !ok {
		d.answer.Ignored += len(d.raw.points)
		return nil
	}
	points, err := d.points()
	if err == nil && len(points) > 0 {
		d.answer.Series = append(d.answer.Series, backlog.Measured{ID: id, Labels: labels, Points: points})
	}
	return err
}

// asked returns whom the series belongs to, if it was asked for.
func (d *decoder) asked() (id string, ok bool) {
	if len(d.raw.id) == 0 || string(d.raw.project) != d.query.Project || string(d.raw.metric) != string(d.query.Metric) {
		return "", false
	}
	if d.wanted == nil {
		return string(d.raw.id), true
	}
	id, ok = d.wanted[string(d.raw.id)]
	return id, ok
}

// labels returns the labels in order. Names that Prometheus does not take, or that the series have already, and texts
// without end make a series useless: two of them might look the same.
func (d *decoder) labels() ([]backlog.Label, bool) {
	if len(d.raw.labels) > maxLabels {
		return nil, false
	}
	var labels []backlog.Label
	for _, l := range d.raw.labels {
		if len(l.name) > maxLabel || len(l.value) > maxLabel || !labelName(string(l.name)) {
			return nil, false
		}
		if labels == nil {
			labels = make([]backlog.Label, 0, len(d.raw.labels))
		}
		labels = append(labels, backlog.Label{Name: d.text(l.name), Value: d.text(l.value)})
	}
	slices.SortFunc(labels, func(a, b backlog.Label) int { return strings.Compare(a.Name, b.Name) })
	return labels, true
}

// text returns a string that equal texts share: there are few regions and many series.
func (d *decoder) text(b []byte) string {
	s, known := d.texts[string(b)]
	if !known {
		s = string(b)
		d.texts[s] = s
	}
	return s
}

// points returns the newest point of a level, or every point of a delta.
func (d *decoder) points() ([]backlog.Point, error) {
	var points []backlog.Point
	for _, b := range d.raw.points {
		var given rawPoint
		if err := given.decode(b); err != nil {
			return nil, err
		}
		p, ok := d.point(given)
		switch {
		case !ok:
			d.answer.Ignored++
		case points == nil && d.query.Kind == backlog.Delta:
			points = append(make([]backlog.Point, 0, len(d.raw.points)), p)
		case points == nil || d.query.Kind == backlog.Delta:
			points = append(points, p)
		case p.End.After(points[0].End):
			points[0] = p
		}
	}
	return points, nil
}

// point returns a point with the end of its interval, which is when a level was true. A delta's interval begins before it
// ends.
func (d *decoder) point(given rawPoint) (backlog.Point, bool) {
	if !given.number || given.value < 0 || math.IsNaN(given.value) || math.IsInf(given.value, 0) || !given.end.valid() {
		return backlog.Point{}, false
	}
	p := backlog.Point{End: given.end.time(), Value: given.value}
	p.Start = p.End
	if given.start.valid() {
		p.Start = given.start.time()
	}
	if p.End.IsZero() || p.End.After(d.query.Until.Add(clockSlack)) {
		return backlog.Point{}, false
	}
	return p, d.query.Kind != backlog.Delta || p.Start.Before(p.End)
}

func labelName(name string) bool {
	switch name {
	case "", "project_id", "subscription_id", "topic_id", "unit", "state":
		return false
	}
	for i, r := range name {
		letter := r == '_' || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z')
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return !strings.HasPrefix(name, "__")
}
