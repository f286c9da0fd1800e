package conformance_test

import (
	"fmt"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/types/known/durationpb"
)

func policyCases() []testCase {
	return []testCase{
		{
			name: "delivery attempts without a dead-letter policy", documented: "0, 0", source: "dead-letter-topics#track-delivery-attempts",
			observe: attemptsWithoutPolicy,
		},
		{
			name:       "delivery attempts and the dead-letter topic",
			documented: "attempts 1 2 3 4 5, then forwarded with its data, 5 deliveries, subscription billing and the project",
			source:     "dead-letter-topics", observe: deadLetters,
		},
		{
			name: "the first retry back-off", documented: "after 3s", source: "handling-failures#exponential_backoff", official: "at once",
			observe: retryBackoff,
		},
		{
			name: "a filter", documented: "gold messages only", source: "subscription-message-filter", official: "gold and silver messages",
			observe: filtered,
		},
		{
			name: "what a filter leaves out", documented: "is acknowledged by itself", source: "subscription-message-filter",
			official: "is delivered", observe: leftOut,
		},
	}
}

func attemptsWithoutPolicy(w *world) string {
	w.setUp()
	w.publish(texts("x")...)
	first := w.pullOne()
	w.must(w.modify(0, first.GetAckId()))
	return fmt.Sprintf("%d, %d", first.GetDeliveryAttempt(), w.pullOne().GetDeliveryAttempt())
}

func deadLetters(w *world) string {
	dead := &world{}
	*dead = *w
	dead.topic += "-dead"
	dead.sub += "-dead"
	dead.setUp()
	w.setUp(func(c *pubsubpb.Subscription) {
		c.DeadLetterPolicy = &pubsubpb.DeadLetterPolicy{DeadLetterTopic: dead.topic, MaxDeliveryAttempts: 5}
	})
	w.publish(texts("poison")...)
	var attempts []string
	for range 5 {
		m := w.pullOne()
		attempts = append(attempts, fmt.Sprint(m.GetDeliveryAttempt()))
		w.must(w.modify(0, m.GetAckId()))
	}
	if got := w.pull(1, quiet); len(got) > 0 { // and a pull it takes: the official emulator forwards when it looks for messages
		return fmt.Sprintf("attempt %d", got[0].GetDeliveryAttempt())
	}
	m := dead.pullOne().GetMessage()
	const prefix = "CloudPubSubDeadLetterSource"
	from := m.GetAttributes()[prefix+"SubscriptionProject"]
	if from == w.project {
		from = "the project"
	}
	if string(m.GetData()) != "poison" || m.GetAttributes()[prefix+"TopicPublishTime"] == "" {
		return fmt.Sprint(m)
	}
	return fmt.Sprintf("attempts %s, then forwarded with its data, %s deliveries, subscription %s and %s", strings.Join(attempts, " "),
		m.GetAttributes()[prefix+"DeliveryCount"], m.GetAttributes()[prefix+"Subscription"], from)
}

// retryBackoff nacks a message and says when it came again. The minimum is 3 s, the maximum too.
func retryBackoff(w *world) string {
	w.setUp(func(c *pubsubpb.Subscription) {
		c.RetryPolicy = &pubsubpb.RetryPolicy{MinimumBackoff: durationpb.New(3 * time.Second), MaximumBackoff: durationpb.New(3 * time.Second)}
	})
	w.publish(texts("x")...)
	m := w.pullOne()
	w.must(w.modify(0, m.GetAckId()))
	_, after := w.redelivery()
	return roughly(after, 3*time.Second)
}

// publishTiers publishes a gold and a silver message to a subscription that wants gold.
func (w *world) publishTiers() {
	w.setUp(func(c *pubsubpb.Subscription) { c.Filter = `attributes.tier = "gold"` })
	for _, tier := range []string{"silver", "gold"} {
		w.publish(&pubsubpb.PubsubMessage{Data: []byte(tier), Attributes: map[string]string{"tier": tier}})
	}
}

func filtered(w *world) string {
	w.publishTiers()
	got := data(w.pull(2, 2*quiet))
	switch {
	case got == "gold":
		return "gold messages only"
	case strings.Contains(got, "gold") && strings.Contains(got, "silver"):
		return "gold and silver messages"
	}
	return got
}

// leftOut looks at a subscription after its last matching message has been acknowledged.
func leftOut(w *world) string {
	w.publishTiers()
	for _, m := range w.pull(2, 2*quiet) {
		if string(m.GetMessage().GetData()) == "silver" {
			return "is delivered"
		}
		w.must(w.ack(m.GetAckId()))
	}
	if got := w.pull(1, quiet); len(got) > 0 {
		return "comes later"
	}
	return "is acknowledged by itself"
}
