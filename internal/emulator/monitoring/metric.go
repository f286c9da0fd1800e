package monitoring

import (
	"strings"
	"time"

	metricpb "google.golang.org/genproto/googleapis/api/metric"
)

// The kinds and value types that Pub/Sub metrics have.
const (
	gauge             = metricpb.MetricDescriptor_GAUGE
	delta             = metricpb.MetricDescriptor_DELTA
	int64Value        = metricpb.MetricDescriptor_INT64
	doubleValue       = metricpb.MetricDescriptor_DOUBLE
	boolValue         = metricpb.MetricDescriptor_BOOL
	distributionValue = metricpb.MetricDescriptor_DISTRIBUTION
)

const (
	typePrefix           = "pubsub.googleapis.com/"
	subscriptionResource = "pubsub_subscription"
	topicResource        = "pubsub_topic"
)

// metric is one metric type: what its descriptor says and how its readings are taken from the truth.
// It does not change once the server is made.
type metric struct {
	name            string // what follows typePrefix
	display, about  string
	kind            metricpb.MetricDescriptor_MetricKind
	value           metricpb.MetricDescriptor_ValueType
	unit            string
	labels          []label
	documentedDelay time.Duration
	// counter readings are totals; a sample is their growth since the previous sample.
	counter bool
	// global metrics need every region and go missing when one of them does.
	global bool

	subscription func(SubscriptionState, moment) []reading
	topic        func(TopicState) []reading

	period, delay time.Duration // effective, from the options
}

type label struct{ key, about string }

// moment is what a reading may need besides the state itself.
type moment struct {
	at      time.Time
	regions []string
	health  health // set for delivery_latency_health_score
}

// reading is one series' value at a sample; labels are in the order of metric.labels.
type reading struct {
	labels []string
	value  int64 // the count, for distributions
	sum    int64 // distributions only
}

func (m *metric) fullType() string { return typePrefix + m.name }

func (m *metric) resource() string {
	if m.topic != nil {
		return topicResource
	}
	return subscriptionResource
}

// idLabel is the resource label that holds the subscription's or topic's ID.
func (m *metric) idLabel() string {
	if m.topic != nil {
		return "topic_id"
	}
	return "subscription_id"
}

// named accepts the full type, the type without its service, and the bare name.
func (m *metric) named(name string) bool {
	_, bare, _ := strings.Cut(m.name, "/")
	return name == bare || name == m.name || name == m.fullType()
}

// labelIndex is the place of a metric label, or -1.
func (m *metric) labelIndex(key string) int {
	for i, l := range m.labels {
		if l.key == key {
			return i
		}
	}
	return -1
}
