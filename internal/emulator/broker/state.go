package broker

import (
	"maps"
	"time"

	"google.golang.org/grpc/codes"
)

// counters are a subscription's exact levels and totals.
type counters struct {
	undelivered  int64
	bytes        int64
	outstanding  [kinds]int64
	acked        [kinds]int64
	sent         [kinds]int64
	deadLettered int64
	nacks        int64
	expired      int64
	seeks        int64
}

// TopicState is a topic's totals since it was made.
type TopicState struct {
	Name            string
	Messages, Bytes int64
	Sends           map[codes.Code]int64 // Publish calls by result
}

// SubscriptionState is a subscription's levels at one instant and its totals since it was made.
type SubscriptionState struct {
	Name  string
	Topic string
	// Undelivered counts messages that are not acknowledged, those in flight included; Bytes is their size.
	Undelivered, Bytes int64
	// Oldest is when the oldest of them was published; zero when there is none.
	Oldest                       time.Time
	Streams                      int
	Outstanding, Acked, Sent     [2]int64 // by Kind
	DeadLettered, Nacks, Expired int64
	Seeks                        int64
}

// State is what Broker.State reports: topics and subscriptions, sorted by name.
type State struct {
	Topics        []TopicState
	Subscriptions []SubscriptionState
}

// State reports every topic and subscription. Each is exact; together they may be some microseconds apart.
func (b *Broker) State() State {
	var state State
	for _, t := range b.Topics("") {
		state.Topics = append(state.Topics, t.state())
	}
	for _, s := range b.Subscriptions("") {
		state.Subscriptions = append(state.Subscriptions, s.State())
	}
	return state
}

// Held is about how many payload bytes all subscriptions hold; a message in several of them counts for each.
func (b *Broker) Held() int64 {
	var held int64
	for _, s := range b.Subscriptions("") {
		s.mu.Lock()
		held += s.counters.bytes
		s.mu.Unlock()
	}
	return held
}

func (t *Topic) state() TopicState {
	t.mu.Lock()
	defer t.mu.Unlock()
	return TopicState{Name: t.name, Messages: t.counts.n, Bytes: t.counts.bytes, Sends: maps.Clone(t.sends)}
}

// State reports the subscription with everything that is due now done.
func (s *Subscription) State() (state SubscriptionState) {
	s.do(func(int64) {
		c := &s.counters
		state = SubscriptionState{
			Name: s.name, Topic: s.config.GetTopic(), Undelivered: c.undelivered, Bytes: c.bytes, Streams: len(s.streams),
			Outstanding: c.outstanding, Acked: c.acked, Sent: c.sent,
			DeadLettered: c.deadLettered, Nacks: c.nacks, Expired: c.expired, Seeks: c.seeks,
		}
		if e := s.oldestUnacked(); e != nil {
			state.Oldest = time.Unix(0, e.published)
		}
	})
	return state
}
