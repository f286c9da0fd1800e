// Package ask understands what an autoscaler asks for: a metric's name in any of its spellings, and a selector that names
// its subscriptions.
//
//	pubsub.googleapis.com|subscription|num_undelivered_messages                                       the Stackdriver adapter's
//	stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_num_undelivered_messages       stackdriver_exporter's
//	pubsub_subscription_num_undelivered_messages                                                      the short one
//
// Selectors have the Stackdriver adapter's keys (resource.labels.subscription_id, metric.labels.region) or plain ones
// (subscription_id, region), in all spellings alike.
package ask
