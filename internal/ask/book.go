package ask

import (
	"slices"
	"strings"

	"spillway/internal/config"
)

// domain begins the types of Pub/Sub's metrics in Cloud Monitoring.
const domain = "pubsub.googleapis.com/"

// families are the resources whose metrics are ours, as the second part of a metric type.
func families() []string { return []string{"subscription", "topic"} }

// Metric is one metric that can be asked for.
type Metric struct {
	// Type is Cloud Monitoring's metric type, or the one name of a metric that only this exporter has.
	Type string
	// Unit is Cloud Monitoring's word for what is counted ("1", "s", "By"); it may be empty.
	Unit string
}

// Spellings returns the names that mean the metric: the Stackdriver adapter's, stackdriver_exporter's, the short one. A
// metric that only this exporter has is spelled in one way.
func (m Metric) Spellings() []string {
	family, ok := m.family()
	if !ok {
		return []string{m.Type}
	}
	flat := strings.NewReplacer(".", "_", "/", "_").Replace(m.Type)
	return []string{strings.ReplaceAll(m.Type, "/", "|"), "stackdriver_pubsub_" + family + "_" + flat, "pubsub_" + strings.TrimPrefix(flat, "pubsub_googleapis_com_")}
}

// Resource returns the type of the monitored resource, for example pubsub_subscription.
func (m Metric) Resource() string {
	if family, ok := m.family(); ok {
		return "pubsub_" + family
	}
	return "pubsub_subscription"
}

func (m Metric) family() (string, bool) {
	rest, ok := strings.CutPrefix(m.Type, domain)
	if !ok {
		return "", false
	}
	family, _, ok := strings.Cut(rest, "/")
	return family, ok
}

// Book finds metrics by name. It is never changed after NewBook, so any goroutine may read it.
type Book struct {
	byName map[string]Metric
	names  []string
}

// NewBook returns the book of these metrics.
func NewBook(metrics []Metric) *Book {
	b := &Book{byName: make(map[string]Metric, 3*len(metrics))}
	for _, m := range metrics {
		for _, name := range m.Spellings() {
			b.byName[name] = m
			b.names = append(b.names, name)
		}
	}
	slices.Sort(b.names)
	b.names = slices.Compact(b.names)
	return b
}

// Names returns every name that Find knows, in order. The slice is the caller's.
func (b *Book) Names() []string { return slices.Clone(b.names) }

// Find returns the metric of that name, in any spelling.
func (b *Book) Find(name string) (Metric, bool) {
	m, ok := b.byName[name]
	return m, ok
}

// Ours reports whether the name is Pub/Sub's in one of the spellings, known or not. Other names are other adapters'.
func (b *Book) Ours(name string) bool {
	_, known := b.byName[name]
	return known || prefix(name) != ""
}

// prefix returns what a spelling puts before the metric's own name; empty when the name is in none.
func prefix(name string) string {
	for _, family := range families() {
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

// Nearest returns the known name that is probably meant. What all names of a spelling begin with does not count as
// alike. Names longer than any known one are not compared.
func (b *Book) Nearest(name string) (string, bool) {
	if len(name) > maxName {
		return "", false
	}
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

// maxName bounds the work of a comparison; the longest spelling of Pub/Sub's metrics has 130 bytes.
const maxName = 256
