package backlog

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrUnknownMetric is matched by Describe's error when Pub/Sub documents no such metric.
var ErrUnknownMetric = errors.New("not a metric of Pub/Sub's subscriptions or topics")

// Describe finds a metric by its type ("pubsub.googleapis.com/subscription/backlog_bytes"), by its path
// ("subscription/backlog_bytes") or, for a subscription's, by its name ("backlog_bytes").
func Describe(name string) (Definition, error) {
	path := strings.TrimPrefix(name, servicePrefix)
	if !strings.Contains(path, "/") {
		path = "subscription/" + path
	}
	for _, d := range Definitions() {
		if d.Metric.Path() == path {
			return d, nil
		}
	}
	return Definition{}, fmt.Errorf("%w: %q", ErrUnknownMetric, name)
}

// Definitions returns Pub/Sub's metrics of subscriptions and topics: kinds, units and delays as documented at
// https://docs.cloud.google.com/monitoring/api/metrics_gcp_p_z. Deprecated ones are left out.
func Definitions() []Definition {
	var all []Definition
	for _, one := range append(subscriptionMetrics(), topicMetrics()...) {
		all = append(all, Definition{
			Metric: Metric(servicePrefix + one.path), Kind: one.kind, Unit: one.unit, Delay: time.Duration(one.delay) * time.Second, Help: one.help,
		})
	}
	return all
}

// documented is a row of the service's list; delay is in seconds.
type documented struct {
	path  string
	kind  Kind
	unit  string
	delay int
	help  string
}

func subscriptionMetrics() []documented {
	return []documented{
		{"subscription/num_undelivered_messages", Gauge, "1", 120, "Unacknowledged messages of the subscription, those in flight included."},
		{"subscription/oldest_unacked_message_age", Gauge, "s", 120, "Age of the oldest unacknowledged message of the subscription in seconds."},
		{"subscription/num_unacked_messages_by_region", Gauge, "1", 120, "Unacknowledged messages of the subscription, by the region that holds them."},
		{"subscription/oldest_unacked_message_age_by_region", Gauge, "s", 120, "Age of the oldest unacknowledged message in seconds, by region."},
		{"subscription/ack_message_count", Delta, "1", 181, "Messages acknowledged, by the way they were delivered."},
		{"subscription/ack_latencies", Distribution, "ms", 240, "Time from sending a message to its acknowledgement."},
		{"subscription/backlog_bytes", Gauge, "By", 120, "Bytes of the unacknowledged messages."},
		{"subscription/billable_bytes_by_region", Gauge, "By", 120, "Bytes of stored messages that are charged, by region."},
		{"subscription/byte_cost", Delta, "By", 240, "Bytes that operations on the subscription cost."},
		{"subscription/config_updates_count", Delta, "1", 240, "Changes to the subscription's configuration."},
		{"subscription/dead_letter_message_count", Delta, "1", 240, "Messages published to the dead-letter topic, by the outcome."},
		{"subscription/delivery_latency_health_score", Gauge, "1", 360, "1 where the subscription is fit for low latency, by criterion."},
		{"subscription/exactly_once_warning_count", Delta, "1", 240, "Events that may lead to a redelivery with exactly-once delivery."},
		{"subscription/expired_ack_deadlines_count", Delta, "1", 240, "Messages whose acknowledgement deadline passed."},
		{"subscription/mod_ack_deadline_message_count", Delta, "1", 240, "Deadline changes of messages."},
		{"subscription/mod_ack_deadline_request_count", Delta, "1", 120, "ModifyAckDeadline requests."},
		{"subscription/mod_ack_latencies", Distribution, "ms", 240, "Time from sending a message to its deadline change."},
		{"subscription/message_transform_latencies", Distribution, "us", 120, "Time that message transforms took."},
		{"subscription/nack_requests", Gauge, "1", 360, "Messages nacked since the sample before."},
		{"subscription/num_outstanding_messages", Gauge, "1", 240, "Messages sent to the push endpoint and not acknowledged."},
		{"subscription/num_retained_acked_messages", Gauge, "1", 120, "Acknowledged messages that are retained."},
		{"subscription/num_retained_acked_messages_by_region", Gauge, "1", 120, "Acknowledged messages that are retained, by region."},
		{"subscription/oldest_retained_acked_message_age", Gauge, "s", 120, "Age of the oldest retained acknowledged message in seconds."},
		{"subscription/oldest_retained_acked_message_age_by_region", Gauge, "s", 120, "Age of the oldest retained acknowledged message in seconds, by region."},
		{"subscription/open_streaming_pulls", Gauge, "1", 120, "Open StreamingPull streams, by status."},
		{"subscription/pull_ack_request_count", Delta, "1", 181, "Acknowledge requests."},
		{"subscription/pull_request_count", Delta, "1", 120, "Pull requests."},
		{"subscription/push_request_count", Delta, "1", 120, "Push requests, by the answer."},
		{"subscription/push_request_latencies", Distribution, "us", 240, "Time that push endpoints took to answer."},
		{"subscription/retained_acked_bytes", Gauge, "By", 120, "Bytes of the acknowledged messages that are retained."},
		{"subscription/retained_acked_bytes_by_region", Gauge, "By", 120, "Bytes of the acknowledged messages that are retained, by region."},
		{"subscription/seek_request_count", Delta, "1", 240, "Seek requests."},
		{"subscription/sent_message_count", Delta, "1", 181, "Messages sent to subscribers, by the way they were delivered."},
		{"subscription/streaming_pull_ack_request_count", Delta, "1", 120, "Requests on streams that acknowledge messages."},
		{"subscription/streaming_pull_mod_ack_deadline_request_count", Delta, "1", 120, "Requests on streams that change deadlines."},
		{"subscription/streaming_pull_response_count", Delta, "1", 181, "Responses on streams."},
		{"subscription/unacked_bytes_by_region", Gauge, "By", 120, "Bytes of the unacknowledged messages, by region."},
	}
}

func topicMetrics() []documented {
	return []documented{
		{"topic/byte_cost", Delta, "By", 240, "Bytes that operations on the topic cost."},
		{"topic/config_updates_count", Delta, "1", 240, "Changes to the topic's configuration."},
		{"topic/message_sizes", Distribution, "By", 181, "Published messages and their sizes."},
		{"topic/message_transform_latencies", Distribution, "us", 120, "Time that message transforms took."},
		{"topic/num_retained_messages", Gauge, "1", 120, "Messages that the topic retains."},
		{"topic/num_retained_acked_messages_by_region", Gauge, "1", 120, "Acknowledged messages that are retained, by region."},
		{"topic/num_unacked_messages_by_region", Gauge, "1", 120, "Unacknowledged messages of the topic, by region."},
		{"topic/oldest_retained_acked_message_age_by_region", Gauge, "s", 120, "Age of the oldest retained acknowledged message in seconds, by region."},
		{"topic/oldest_retained_message_age", Gauge, "s", 120, "Age of the oldest message that the topic retains in seconds."},
		{"topic/oldest_unacked_message_age_by_region", Gauge, "s", 120, "Age of the oldest unacknowledged message of the topic in seconds, by region."},
		{"topic/retained_acked_bytes_by_region", Gauge, "By", 120, "Bytes of the acknowledged messages that are retained, by region."},
		{"topic/retained_bytes", Gauge, "By", 120, "Bytes of the messages that the topic retains."},
		{"topic/schema_validation_latencies", Distribution, "us", 120, "Time that schema validation took."},
		{"topic/send_request_count", Delta, "1", 181, "Publish requests, by outcome."},
		{"topic/send_request_latencies", Distribution, "us", 120, "Time that publish requests took."},
		{"topic/unacked_bytes_by_region", Gauge, "By", 120, "Bytes of the unacknowledged messages of the topic, by region."},
	}
}
