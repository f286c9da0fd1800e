package monitoring

import "time"

// catalogue lists the metrics that are served. Kinds, units and delays are those of the service's metric list
// (docs.cloud.google.com/monitoring/api/metrics_gcp_p_z).
func catalogue() []*metric {
	return append(append(backlogMetrics(), flowMetrics()...), topicMetrics()...)
}

func backlogMetrics() []*metric {
	region := []label{{"region", "The Cloud region that holds the messages."}}
	const delay = 120 * time.Second
	return []*metric{
		{
			name: "subscription/num_undelivered_messages", display: "Unacked messages",
			about: "Messages of the subscription that are not acknowledged.",
			kind:  gauge, value: int64Value, unit: "1", documentedDelay: delay, global: true, subscription: undelivered,
		},
		{
			name: "subscription/num_unacked_messages_by_region", display: "Unacked messages by region",
			about: "Messages of the subscription that are not acknowledged, by region.",
			kind:  gauge, value: int64Value, unit: "1", labels: region, documentedDelay: delay, subscription: undeliveredByRegion,
		},
		{
			name: "subscription/oldest_unacked_message_age", display: "Oldest unacked message age",
			about: "Age in seconds of the oldest message that is not acknowledged.",
			kind:  gauge, value: int64Value, unit: "s", documentedDelay: delay, global: true, subscription: oldestAge,
		},
		{
			name: "subscription/oldest_unacked_message_age_by_region", display: "Oldest unacked message age by region",
			about: "Age in seconds of the oldest message that is not acknowledged, by region.",
			kind:  gauge, value: int64Value, unit: "s", labels: region, documentedDelay: delay, subscription: oldestAgeByRegion,
		},
		{
			name: "subscription/backlog_bytes", display: "Backlog size",
			about: "Bytes of the messages that are not acknowledged.",
			kind:  gauge, value: int64Value, unit: "By", documentedDelay: delay, global: true, subscription: backlogBytes,
		},
		{
			name: "subscription/unacked_bytes_by_region", display: "Unacked bytes by region",
			about: "Bytes of the messages that are not acknowledged, by region.",
			kind:  gauge, value: int64Value, unit: "By", labels: region, documentedDelay: delay, subscription: bytesByRegion,
		},
		{
			name: "subscription/num_outstanding_messages", display: "Outstanding push messages",
			about: "Messages sent to the push endpoint and not acknowledged.",
			kind:  gauge, value: int64Value, unit: "1", documentedDelay: 240 * time.Second, subscription: outstandingPush,
		},
	}
}

func flowMetrics() []*metric {
	delivery := []label{{"delivery_type", "How the messages were delivered."}}
	return []*metric{
		{
			name: "subscription/ack_message_count", display: "Ack message count", about: "Messages acknowledged, by delivery type.",
			kind: delta, value: int64Value, unit: "1", labels: delivery, documentedDelay: 181 * time.Second, counter: true,
			subscription: func(s SubscriptionState, _ moment) []reading { return byLabel(s.Acked) },
		},
		{
			name: "subscription/sent_message_count", display: "Sent message count", about: "Messages sent to subscribers, by delivery type.",
			kind: delta, value: int64Value, unit: "1", labels: delivery, documentedDelay: 181 * time.Second, counter: true,
			subscription: func(s SubscriptionState, _ moment) []reading { return byLabel(s.Sent) },
		},
		{
			name: "subscription/dead_letter_message_count", display: "Dead letter message count",
			about: "Messages published to the dead letter topic.",
			kind:  delta, value: int64Value, unit: "1", labels: []label{{"response_code", "Outcome of the publishing."}},
			documentedDelay: 240 * time.Second, counter: true, subscription: deadLettered,
		},
		{
			name: "subscription/nack_requests", display: "Nack requests", about: "Messages nacked since the previous sample.",
			kind: gauge, value: int64Value, unit: "1", documentedDelay: 360 * time.Second, counter: true,
			subscription: func(s SubscriptionState, _ moment) []reading { return single(s.Nacks) },
		},
		{
			name: "subscription/expired_ack_deadlines_count", display: "Expired ack deadlines count",
			about: "Messages whose acknowledgement deadline passed while a subscriber held them.",
			kind:  delta, value: int64Value, unit: "1", documentedDelay: 240 * time.Second, counter: true,
			subscription: func(s SubscriptionState, _ moment) []reading { return single(s.ExpiredDeadlines) },
		},
		{
			name: "subscription/delivery_latency_health_score", display: "Delivery latency health score",
			about: "Whether the subscription was fit for low latency over the last ten samples, by criterion.",
			kind:  gauge, value: boolValue, unit: "1", labels: []label{{"criteria", "What was looked at."}},
			documentedDelay: 360 * time.Second, subscription: healthScore,
		},
	}
}

func topicMetrics() []*metric {
	return []*metric{
		{
			name: "topic/message_sizes", display: "Message size", about: "Published messages and their sizes.",
			kind: delta, value: distributionValue, unit: "By", documentedDelay: 181 * time.Second, counter: true,
			topic: func(t TopicState) []reading { return []reading{{value: t.Messages, sum: t.Bytes}} },
		},
		{
			name: "topic/send_request_count", display: "Publish requests", about: "Publish calls, by outcome.",
			kind: delta, value: int64Value, unit: "1",
			labels: []label{
				{"response_class", "success, invalid or internal."},
				{"response_code", "The outcome as a status code in lower case."},
			},
			documentedDelay: 181 * time.Second, counter: true, topic: sendRequests,
		},
	}
}
