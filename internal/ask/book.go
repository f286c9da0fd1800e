package ask

import (
	"fmt"
	"slices"
	"strings"

	"spillway/internal/backlog"
	"spillway/internal/config"
)

// Book finds metrics by name. It is never changed after NewBook, so any goroutine may read it.
type Book struct {
	byName map[string]backlog.Definition
	names  []string // those that can be answered, in order
}

// NewBook returns the book of these metrics. Topics' metrics and distributions are in it only to be refused in words.
func NewBook(metrics []backlog.Definition) *Book {
	b := &Book{byName: make(map[string]backlog.Definition, 3*len(metrics))}
	for _, d := range metrics {
		names := Spellings(d.Metric)
		if stem, counts := strings.CutSuffix(d.Metric.Short(), "_count"); counts && d.Kind == backlog.Delta {
			names = append(names, stem+"_total") // as /metrics calls it
		}
		for _, name := range names {
			b.byName[name] = d
			if refusal(d) == "" {
				b.names = append(b.names, name)
			}
		}
	}
	slices.Sort(b.names)
	b.names = slices.Compact(b.names)
	return b
}

// Spellings returns the names that mean the metric: the Stackdriver adapter's, stackdriver_exporter's, the short one. A
// metric that is not Cloud Monitoring's has the short one alone.
func Spellings(m backlog.Metric) []string {
	if m.Path() == string(m) {
		return []string{m.Short()}
	}
	return []string{m.Adapter(), m.Stackdriver(), m.Short()}
}

// refusal says why a metric of Pub/Sub cannot be asked for; empty when it can.
func refusal(d backlog.Definition) string {
	switch {
	case d.Metric.OfTopic():
		return "belongs to a topic, and autoscalers are answered about subscriptions alone"
	case d.Kind == backlog.Distribution:
		return "is a distribution, and an autoscaler needs one number"
	default:
		return ""
	}
}

// Names returns every name that Find knows, in order. The slice is the caller's.
func (b *Book) Names() []string { return slices.Clone(b.names) }

// Find returns the metric of that name, in any spelling. The error is an *Error with the nearest name, if there is one.
func (b *Book) Find(name string) (backlog.Definition, error) {
	d, ok := b.byName[name]
	if !ok {
		return backlog.Definition{}, b.unknown(name)
	}
	if why := refusal(d); why != "" {
		return backlog.Definition{}, &Error{UnknownMetric, fmt.Sprintf("The metric %q %s.", name, why)}
	}
	return d, nil
}

// Ours reports whether the name is Pub/Sub's in one of the spellings, known or not. Other names are other adapters'.
func (b *Book) Ours(name string) bool {
	_, known := b.byName[name]
	return known || prefix(name) != ""
}

// prefix returns what a spelling puts before the metric's own name; empty when the name is in none.
func prefix(name string) string {
	for _, family := range []string{"subscription", "topic"} {
		for _, p := range []string{
			"pubsub.googleapis.com|" + family + "|", "stackdriver_pubsub_" + family + "_pubsub_googleapis_com_" + family + "_",
			"stackdriver_pubsub_" + family + "_", "pubsub_" + family + "_",
		} {
			if strings.HasPrefix(name, p) {
				return p
			}
		}
	}
	return ""
}

// maxName bounds the work of a comparison; the longest spelling of Pub/Sub's metrics has 130 bytes.
const maxName = 256

func (b *Book) unknown(name string) error {
	if len(name) > maxName {
		return &Error{UnknownMetric, "There is no metric of so long a name."}
	}
	message := fmt.Sprintf("There is no metric %q.", name)
	if nearest, ok := b.nearest(name); ok {
		message += fmt.Sprintf(" Did you mean %q?", nearest)
	}
	return &Error{UnknownMetric, message}
}

// nearest returns the known name that is probably meant. What all names of a spelling begin with does not count as alike.
func (b *Book) nearest(name string) (string, bool) {
	p := prefix(name)
	var tails []string
	for _, known := range b.names {
		if tail, ok := strings.CutPrefix(known, p); ok {
			tails = append(tails, tail)
		}
	}
	tail, ok := config.Nearest(name[len(p):], tails)
	return p + tail, ok
}
