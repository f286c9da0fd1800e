package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
)

// clientCases run the handwritten client, as programs use it, over a few hundred messages.
func clientCases() []testCase {
	const all = "300 of 300, none twice"
	nothing := func(*pubsubpb.Subscription) {}
	both := func(c *pubsubpb.Subscription) { ordered(c); exactlyOnce(c) }
	return []testCase{
		{name: "the client's Publisher and Subscriber", documented: all, source: "pull", observe: receiveAll(nothing, "")},
		{name: "the client with ordering", documented: all + ", each key in order", source: "ordering", observe: receiveAll(ordered, "k")},
		{
			name: "the client with exactly-once delivery", documented: all + ", every ack confirmed", source: "exactly-once-delivery",
			observe: receiveAll(exactlyOnce, ""),
		},
		{
			name: "the client with ordering and exactly-once delivery", documented: all + ", each key in order, every ack confirmed",
			source: "exactly-once-delivery", observe: receiveAll(both, "k"),
		},
	}
}

// receiveAll publishes 300 messages over three ordering keys with the prefix, or without a key, and receives them.
func receiveAll(edit func(*pubsubpb.Subscription), prefix string) func(*world) string {
	const n = 300
	return func(w *world) string {
		w.setUp(edit)
		w.publishWithClient(n, prefix)
		ctx, cancel := context.WithCancel(w.bounded())
		defer cancel()
		var mu sync.Mutex
		seen, disorder, refused := map[string]int{}, 0, 0
		last := map[string]string{}
		config := &pubsubpb.Subscription{}
		edit(config)
		subscriber := w.client.Subscriber(w.sub)
		err := subscriber.Receive(ctx, func(ctx context.Context, m *pubsub.Message) {
			status := pubsub.AcknowledgeStatusSuccess
			if config.GetEnableExactlyOnceDelivery() {
				var err error
				if status, err = m.AckWithResult().Get(ctx); err != nil && ctx.Err() == nil {
					w.Logf("acknowledging: %v", err)
				}
			} else {
				m.Ack()
			}
			mu.Lock()
			defer mu.Unlock()
			if status != pubsub.AcknowledgeStatusSuccess {
				refused++
			}
			text := string(m.Data)
			if prefix != "" && text <= last[m.OrderingKey] {
				disorder++
			}
			last[m.OrderingKey] = text
			seen[text]++
			if len(seen) == n {
				cancel()
			}
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			return code(err)
		}
		return describe(n, seen, config, disorder, refused)
	}
}

func describe(n int, seen map[string]int, config *pubsubpb.Subscription, disorder, refused int) string {
	twice := "none"
	for text, times := range seen {
		if times > 1 {
			twice = fmt.Sprintf("%s came %d times", text, times)
		}
	}
	result := fmt.Sprintf("%d of %d, %s twice", len(seen), n, twice)
	if config.GetEnableMessageOrdering() {
		if disorder > 0 {
			result += fmt.Sprintf(", %d out of order", disorder)
		} else {
			result += ", each key in order"
		}
	}
	if config.GetEnableExactlyOnceDelivery() {
		if refused > 0 {
			result += fmt.Sprintf(", %d acks refused", refused)
		} else {
			result += ", every ack confirmed"
		}
	}
	return result
}

func (w *world) publishWithClient(n int, prefix string) {
	w.Helper()
	publisher := w.client.Publisher(w.topic)
	defer publisher.Stop()
	publisher.EnableMessageOrdering = prefix != ""
	results := make([]*pubsub.PublishResult, n)
	for i := range n {
		m := &pubsub.Message{Data: fmt.Appendf(nil, "%06d", i)}
		if prefix != "" {
			m.OrderingKey = fmt.Sprint(prefix, i%3)
		}
		results[i] = publisher.Publish(w.bounded(), m)
	}
	for _, r := range results {
		_, err := r.Get(w.bounded())
		w.must(err)
	}
}
