// Package broker is the store behind the emulated Pub/Sub service: topics, subscriptions and every message's state, in memory,
// on an injected clock.
//
// A subscription keeps its messages in a log of fixed-size chunks. A message waits in one of three places: in the log itself,
// ahead of a cursor that no message passes twice (first delivery); in a queue (redelivery); or in its ordering key's list.
// Leases and retry back-offs hang in a timing wheel. So publishing, delivering, settling and expiring each cost the same
// whatever the backlog is; only Seek walks the log.
//
//	publish ─> fresh ──deliver──> leased ──ack──> gone (or retained, for a seek)
//	                                │ nack, expiry
//	              queued <──────────┤
//	                 └─deliver      └──> delayed (retry policy) ──> queued
//
// What the service does and this store does not: subscriptions do not expire for want of use; a topic's retention keeps
// messages for the subscriptions that the topic had when they were published; an acknowledgement that comes out of a key's
// order is final, where the service may deliver the message again after an earlier one.
//
// Locks are taken in the order Topic.mu, Subscription.mu, Broker.mu.
package broker
