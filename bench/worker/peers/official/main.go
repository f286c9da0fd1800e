// Command official consumes with the official client's Subscriber.Receive.
package main

import (
	"context"
	"fmt"

	"cloud.google.com/go/pubsub/v2"

	"spillway/bench/worker/peers/peer"
)

func main() { peer.Main(consume) }

func consume(ctx context.Context, o peer.Options) error {
	client, err := pubsub.NewClient(ctx, o.Project)
	if err != nil {
		return fmt.Errorf("making the client: %w", err)
	}
	sub := client.Subscriber(o.Subscription)
	sub.ReceiveSettings.MaxOutstandingMessages = o.Outstanding
	return sub.Receive(ctx, func(ctx context.Context, m *pubsub.Message) {
		o.Handle(ctx)
		m.Ack()
	})
}
