package export

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"spillway/internal/backlog"
)

// collector renders the board. Every reading is judged at the moment of the scrape, so it expires on time even if no
// tick comes any more. The value and age of an absent reading are not rendered at all: their series end, they neither
// freeze nor turn into 0. No series carries a timestamp of its own, because what Prometheus receives minutes late an
// instant query misses; the sample's age is a series beside it.
type collector struct {
	board    *atomic.Pointer[board]
	limits   backlog.Limits
	now      func() time.Time
	levels   map[string]descriptions // by metric type; never changed
	complete *prometheus.Desc
}

// descriptions are the series of one level.
type descriptions struct {
	value, stackdriver, age, state *prometheus.Desc
}

func newCollector(b *atomic.Pointer[board], limits backlog.Limits, now func() time.Time) *collector {
	c := &collector{
		board: b, limits: limits, now: now, levels: map[string]descriptions{},
		complete: prometheus.NewDesc("pubsub_exporter_last_successful_poll_timestamp_seconds",
			"When the last poll began that Cloud Monitoring answered in full, in seconds since 1970; missing before the first.", nil, nil),
	}
	for _, l := range b.Load().levels {
		c.levels[l.metric] = describe(l)
	}
	return c
}

func describe(l level) descriptions {
	labels := []string{"project_id", "subscription_id"}
	return descriptions{
		value: prometheus.NewDesc(l.name(), l.help, labels, nil),
		stackdriver: prometheus.NewDesc(l.stackdriverName(), l.help+" The name and labels are stackdriver_exporter's.",
			labels, prometheus.Labels{"unit": l.unit}),
		age: prometheus.NewDesc(l.name()+"_sample_age_seconds",
			"Seconds since the sample behind "+l.name()+" was true.", labels, nil),
		state: prometheus.NewDesc(l.name()+"_sample_state",
			"1 for the state that "+l.name()+" is in and 0 for the others: fresh, held (a gap, the last value is repeated) or absent.",
			append(labels, "state"), nil),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.levels {
		for _, desc := range []*prometheus.Desc{d.value, d.stackdriver, d.age, d.state} {
			ch <- desc
		}
	}
	ch <- c.complete
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	b, now := c.board.Load(), c.now()
	for _, which := range b.ids() {
		c.collect(ch, which, b.read(which, now, c.limits))
	}
	if !b.complete.IsZero() {
		ch <- gauge(c.complete, float64(b.complete.UnixMilli())/1000)
	}
}

func (c *collector) collect(ch chan<- prometheus.Metric, which id, r backlog.Reading) {
	d, project, sub := c.levels[which.metric], which.sub.Project, which.sub.ID
	for _, state := range backlog.States() {
		is := 0.0
		if r.State == state {
			is = 1
		}
		ch <- gauge(d.state, is, project, sub, state.String())
	}
	if r.State == backlog.Absent {
		return
	}
	ch <- gauge(d.value, r.Value, project, sub)
	ch <- gauge(d.stackdriver, r.Value, project, sub)
	ch <- gauge(d.age, r.Age.Seconds(), project, sub)
}

func gauge(desc *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}
