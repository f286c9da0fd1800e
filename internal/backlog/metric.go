package backlog

import (
	"strings"
	"time"
)

// servicePrefix begins every metric type of Pub/Sub.
const servicePrefix = "pubsub.googleapis.com/"

// Metric is a metric type of Cloud Monitoring, such as "pubsub.googleapis.com/subscription/num_undelivered_messages".
type Metric string

// The metrics that are read unless a flag says otherwise.
const (
	// NumUndeliveredMessages counts unacknowledged messages, those in flight included.
	NumUndeliveredMessages Metric = servicePrefix + "subscription/num_undelivered_messages"
	// OldestUnackedMessageAge is the age of the oldest of them in seconds.
	OldestUnackedMessageAge Metric = servicePrefix + "subscription/oldest_unacked_message_age"
	// NumUnackedMessagesByRegion counts unacknowledged messages by the region that holds them.
	NumUnackedMessagesByRegion Metric = servicePrefix + "subscription/num_unacked_messages_by_region"
	// AckMessageCount counts acknowledged messages by the way they were delivered.
	AckMessageCount Metric = servicePrefix + "subscription/ack_message_count"
)

// Path returns what follows the service: "subscription/num_undelivered_messages".
func (m Metric) Path() string { return strings.TrimPrefix(string(m), servicePrefix) }

// Name returns the part behind the last slash: "num_undelivered_messages".
func (m Metric) Name() string { return string(m[strings.LastIndexByte(string(m), '/')+1:]) }

// OfTopic reports whether the metric belongs to topics; all others belong to subscriptions.
func (m Metric) OfTopic() bool { return strings.HasPrefix(m.Path(), "topic/") }

// ByRegion reports whether every region has a series of its own.
func (m Metric) ByRegion() bool { return strings.HasSuffix(string(m), "_by_region") }

// Short returns the name that this project gives the metric: "pubsub_subscription_num_undelivered_messages".
func (m Metric) Short() string { return "pubsub_" + strings.ReplaceAll(m.Path(), "/", "_") }

// Stackdriver returns the name that stackdriver_exporter gives the metric: its prefix, the resource type and the metric
// type, with an underscore for everything that is neither letter nor digit.
func (m Metric) Stackdriver() string {
	resource := "subscription"
	if m.OfTopic() {
		resource = "topic"
	}
	return "stackdriver_pubsub_" + resource + "_" + strings.NewReplacer(".", "_", "/", "_").Replace(string(m))
}

// Adapter returns the name that the Stackdriver adapter gives the metric:
// "pubsub.googleapis.com|subscription|num_undelivered_messages".
func (m Metric) Adapter() string { return strings.ReplaceAll(string(m), "/", "|") }

// Kind says what the points of a metric are.
type Kind int

// The kinds of points.
const (
	// Gauge points are levels at an instant.
	Gauge Kind = iota
	// Delta points are what was added during an interval.
	Delta
	// Distribution points are histograms of an interval. They are not read.
	Distribution
)

// Definition says what Cloud Monitoring documents about a metric.
type Definition struct {
	Metric Metric
	Kind   Kind
	// Unit is Monitoring's unit: "1", "s", "By".
	Unit string
	// Delay is how long after its instant a sample may still be invisible.
	Delay time.Duration
	// Help is one sentence for people.
	Help string
}

// SamplePeriod is the time between two samples of every Pub/Sub metric.
const SamplePeriod = time.Minute

// Due returns the age of a sample at which the next one is due: it has been taken and has become visible.
func (d Definition) Due() time.Duration { return SamplePeriod + d.Delay }

// Backlog is the number of unacknowledged messages as the exporter was told to find it: globally counted or summed over
// the regions. It is no metric type of Cloud Monitoring's.
const Backlog Metric = "subscription/unacked_messages"
