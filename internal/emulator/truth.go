package emulator

import (
	"time"

	"spillway/internal/emulator/broker"
	"spillway/internal/emulator/monitoring"
)

// truth lets Cloud Monitoring see the broker.
type truth struct{ broker *broker.Broker }

var _ monitoring.Truth = truth{}

// State implements monitoring.Truth; the broker reads its own clock.
func (t truth) State(time.Time) monitoring.State {
	state := t.broker.State()
	var seen monitoring.State
	for _, topic := range state.Topics {
		seen.Topics = append(seen.Topics, topicTruth(topic))
	}
	for _, sub := range state.Subscriptions {
		seen.Subscriptions = append(seen.Subscriptions, subscriptionTruth(sub))
	}
	return seen
}

func topicTruth(t broker.TopicState) monitoring.TopicState {
	project, id := broker.SplitName(t.Name)
	sends := map[string]int64{}
	for code, n := range t.Sends {
		sends[codeName(code)] = n
	}
	return monitoring.TopicState{Project: project, ID: id, Messages: t.Messages, Bytes: t.Bytes, SendRequests: sends}
}

func subscriptionTruth(s broker.SubscriptionState) monitoring.SubscriptionState {
	project, id := broker.SplitName(s.Name)
	return monitoring.SubscriptionState{
		Project: project, ID: id, Undelivered: s.Undelivered, OldestUnacked: s.Oldest, BacklogBytes: s.Bytes,
		Outstanding: byDelivery(s.Outstanding), Acked: byDelivery(s.Acked), Sent: byDelivery(s.Sent),
		DeadLettered: s.DeadLettered, Nacks: s.Nacks, ExpiredDeadlines: s.Expired, Seeks: s.Seeks,
	}
}

// byDelivery names the counts, and leaves push out as long as nothing has been pushed.
func byDelivery(counts [2]int64) map[string]int64 {
	named := map[string]int64{"pull": counts[broker.Pull]}
	if counts[broker.Push] != 0 {
		named["push"] = counts[broker.Push]
	}
	return named
}
