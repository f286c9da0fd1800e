package monitoring

import "time"

// Truth is the exact state that samples are taken from. The Pub/Sub side of the emulator provides it.
type Truth interface {
	// State returns the exact state of every topic and subscription at one instant. It is safe for concurrent use.
	State(now time.Time) State
}

// State is everything that is true at one instant.
type State struct {
	Topics        []TopicState
	Subscriptions []SubscriptionState
}

// TopicState is one topic's exact counters, all cumulative since the topic was made.
type TopicState struct {
	Project string
	ID      string
	// Messages and Bytes count published messages and their size.
	Messages int64
	Bytes    int64
	// SendRequests counts Publish calls, by gRPC code name ("OK", "INVALID_ARGUMENT").
	SendRequests map[string]int64
}

// SubscriptionState is one subscription's exact levels and counters.
type SubscriptionState struct {
	Project string
	ID      string
	// Undelivered counts messages not yet acknowledged, those in flight included.
	Undelivered int64
	// OldestUnacked is the publish time of the oldest of them; the zero time when there is none.
	OldestUnacked time.Time
	// BacklogBytes is their size in bytes, payload and attributes.
	BacklogBytes int64
	// Outstanding counts messages delivered and neither acknowledged nor expired, by delivery type ("pull", "push").
	Outstanding map[string]int64
	// The rest are cumulative since the subscription was made.
	Acked            map[string]int64 // by delivery type
	Sent             map[string]int64 // by delivery type, redeliveries included
	DeadLettered     int64
	Nacks            int64
	ExpiredDeadlines int64
	Seeks            int64 // accepted Seek calls
}
