package cloudmon

import (
	"strings"
	"time"

	"spillway/internal/backlog"
)

// Query asks for the points of one metric of one project.
type Query struct {
	Metric backlog.Metric
	Kind   backlog.Kind
	// Project is the project's ID, not its number: the series carry the ID.
	Project string
	// IDs are the short IDs of the wanted subscriptions or topics; none means all of the project.
	IDs []string
	// Since and Until bound the instants of the points. Until is now: nothing later is believed.
	Since, Until time.Time
}

// Answer is what the service knew.
type Answer struct {
	// Series holds what was asked for, in no order. A series that comes in several pages is there several times.
	Series []backlog.Measured
	// Returned counts the time series that came back, which is what the service charges for.
	Returned int
	// Ignored counts points that nothing could be made of: without a number or an instant, negative, or of the future.
	Ignored int
}

// What a filter may name, and when the whole project is read instead.
const (
	// maxNames and maxFilter bound one filter. 2048 characters is what the service allows a filter that it stores, and no
	// figure is published for one that it only evaluates; 50 names of 30 letters fit in it.
	maxNames  = 50
	maxFilter = 2048
	// wasteful is how many times more series than wanted may come back before names are worth more than one call: a call
	// counts against a quota of thousands a minute, a series is paid for.
	wasteful = 4
)

// filters returns one filter for each call that a query takes. Names that fit one filter are named, because every series
// that comes back is paid for. If they do not fit, the whole project is read by a single call, unless that is known to
// return more than four times as many subscriptions as are wanted: then the names are spread over several calls. known is
// how many the project had when it was last read whole; 0 means that nobody knows.
func filters(q Query, known int) []string {
	project := projectFilter(q)
	whole := known <= wasteful*len(q.IDs)
	if len(q.IDs) == 0 || (len(q.IDs) > maxNames && whole) {
		return []string{project}
	}
	chunks := chunk(q.IDs, maxFilter-len(project)-len(oneOf(q.Metric, nil)))
	if len(chunks) > 1 && whole {
		return []string{project}
	}
	list := make([]string, len(chunks))
	for i, ids := range chunks {
		list[i] = project + oneOf(q.Metric, ids)
	}
	return list
}

// projectFilter selects one metric of one project. A project may see the metrics of others, hence its label.
func projectFilter(q Query) string {
	return `metric.type = ` + quote(string(q.Metric)) + ` AND resource.type = "pubsub_` + owner(q.Metric) +
		`" AND resource.labels.project_id = ` + quote(q.Project)
}

func oneOf(m backlog.Metric, ids []string) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = quote(id)
	}
	return ` AND resource.labels.` + owner(m) + `_id = one_of(` + strings.Join(names, ", ") + `)`
}

// chunk cuts ids into pieces of at most maxNames, each of which needs at most room characters. An ID that needs more by
// itself has a piece of its own.
func chunk(ids []string, room int) [][]string {
	var chunks [][]string
	used := 0
	for i, id := range ids {
		need := len(quote(id)) + len(", ")
		if i == 0 || used+need > room || len(chunks[len(chunks)-1]) == maxNames {
			chunks, used = append(chunks, nil), 0
		}
		last := &chunks[len(chunks)-1]
		*last = append(*last, id)
		used += need
	}
	return chunks
}

// owner is what the metric belongs to, as resource types and labels say it.
func owner(m backlog.Metric) string {
	if m.OfTopic() {
		return "topic"
	}
	return "subscription"
}

// quote writes a string literal of the filter language, in which a quote or backslash is escaped by a backslash. Control
// characters, which cannot be part of any name, are left out: no literal may span lines.
func quote(s string) string {
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= ' ' && c != 0x7f:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}
