package emulator

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"spillway/internal/emulator/broker"
)

// collector renders the broker's exact state; it holds no state of its own.
type collector struct {
	broker                                          *broker.Broker
	published, publishedBytes                       *prometheus.Desc
	backlog, backlogBytes, oldest, outstanding      *prometheus.Desc
	acked, delivered, nacked, expired, deadLettered *prometheus.Desc
	streams                                         *prometheus.Desc
}

func newCollector(b *broker.Broker) *collector {
	topic := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("emulator_topic_"+name, help, []string{"project_id", "topic_id"}, nil)
	}
	sub := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc("emulator_subscription_"+name, help, append([]string{"project_id", "subscription_id"}, more...), nil)
	}
	return &collector{
		broker:         b,
		published:      topic("published_messages_total", "Messages published."),
		publishedBytes: topic("published_bytes_total", "Bytes published: data, attributes and ordering keys."),
		backlog:        sub("backlog_messages", "Messages not yet acknowledged, those in flight included: the truth."),
		backlogBytes:   sub("backlog_bytes", "Size of the messages not yet acknowledged."),
		oldest:         sub("oldest_unacked_message_age_seconds", "Age of the oldest message not yet acknowledged; 0 without any."),
		outstanding:    sub("outstanding_messages", "Messages delivered whose lease runs.", "delivery_type"),
		acked:          sub("acked_messages_total", "Messages acknowledged.", "delivery_type"),
		delivered:      sub("delivered_messages_total", "Messages delivered, redeliveries included.", "delivery_type"),
		nacked:         sub("nacked_messages_total", "Deliveries that were nacked."),
		expired:        sub("expired_leases_total", "Deliveries whose ack deadline passed."),
		deadLettered:   sub("dead_lettered_messages_total", "Messages forwarded to a dead-letter topic."),
		streams:        sub("streams", "Open StreamingPull, Pull and push streams."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.published, c.publishedBytes, c.backlog, c.backlogBytes, c.oldest, c.outstanding, c.acked, c.delivered, c.nacked,
		c.expired, c.deadLettered, c.streams,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	state := c.broker.State()
	for _, t := range state.Topics {
		project, id := broker.SplitName(t.Name)
		ch <- prometheus.MustNewConstMetric(c.published, prometheus.CounterValue, float64(t.Messages), project, id)
		ch <- prometheus.MustNewConstMetric(c.publishedBytes, prometheus.CounterValue, float64(t.Bytes), project, id)
	}
	now := time.Now()
	for i := range state.Subscriptions {
		c.collectSubscription(ch, &state.Subscriptions[i], now)
	}
}

func (c *collector) collectSubscription(ch chan<- prometheus.Metric, s *broker.SubscriptionState, now time.Time) {
	project, id := broker.SplitName(s.Name)
	gauge := func(d *prometheus.Desc, v float64, more ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{project, id}, more...)...)
	}
	counter := func(d *prometheus.Desc, v int64, more ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), append([]string{project, id}, more...)...)
	}
	age := 0.0
	if !s.Oldest.IsZero() {
		age = max(0, now.Sub(s.Oldest).Seconds())
	}
	gauge(c.backlog, float64(s.Undelivered))
	gauge(c.backlogBytes, float64(s.Bytes))
	gauge(c.oldest, age)
	gauge(c.streams, float64(s.Streams))
	for kind, name := range []string{broker.Pull: "pull", broker.Push: "push"} {
		gauge(c.outstanding, float64(s.Outstanding[kind]), name)
		counter(c.acked, s.Acked[kind], name)
		counter(c.delivered, s.Sent[kind], name)
	}
	counter(c.nacked, s.Nacks)
	counter(c.expired, s.Expired)
	counter(c.deadLettered, s.DeadLettered)
}
