package broker

import (
	"strconv"
	"time"

	"spillway/internal/emulator/wire"
)

// forward is a message on its way to a dead-letter topic.
type forward struct {
	topic   *Topic
	message wire.Message
}

// exhausted says whether the message has used up its deliveries and can be dead-lettered.
func (s *Subscription) exhausted(e *entry) bool {
	return s.policy.deadLetter != "" && e.tries >= s.policy.maxAttempts && s.broker.topic(s.policy.deadLetter) != nil
}

// deadLetter prepares the forwarded message: the original with the attributes that say where it comes from.
func (s *Subscription) deadLetter(e *entry) forward {
	project, id := SplitName(s.name)
	s.counters.deadLettered++
	body := append([]byte(nil), e.body...)
	for _, a := range [][2]string{
		{"CloudPubSubDeadLetterSourceDeliveryCount", strconv.FormatUint(uint64(e.tries), 10)},
		{"CloudPubSubDeadLetterSourceSubscription", id},
		{"CloudPubSubDeadLetterSourceSubscriptionProject", project},
		{"CloudPubSubDeadLetterSourceTopicPublishTime", time.Unix(0, e.published).UTC().Format(time.RFC3339Nano)},
	} {
		body = wire.AppendAttribute(body, a[0], a[1])
	}
	m, err := wire.ParseMessage(body)
	if err != nil { // the body was parsed when it was published
		m = wire.Message{Body: body, Size: len(body)}
	}
	return forward{topic: s.broker.topic(s.policy.deadLetter), message: m}
}

// forward publishes dead letters. No lock may be held: a dead-letter topic may lead back to the same subscription.
func (b *Broker) forward(forwards []forward) {
	for _, f := range forwards {
		f.topic.publish([]wire.Message{f.message})
	}
}
