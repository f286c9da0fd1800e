// Command watermill consumes with Watermill's subscriber for Google Cloud Pub/Sub.
package main

import (
	"context"
	"errors"
	"fmt"

	"cloud.google.com/go/pubsub/v2"
	"github.com/ThreeDotsLabs/watermill-googlecloud/v2/pkg/googlecloud"

	"spillway/bench/worker/peers/peer"
)

func main() { peer.Main(consume) }

// consume finds the topic under the subscription's ID, as the benchmark names them.
func consume(ctx context.Context, o peer.Options) error {
	sub, err := googlecloud.NewSubscriber(googlecloud.SubscriberConfig{
		ProjectID:                        o.Project,
		DoNotCreateSubscriptionIfMissing: true,
		ReceiveSettings:                  pubsub.ReceiveSettings{MaxOutstandingMessages: o.Outstanding},
	}, nil)
	if err != nil {
		return fmt.Errorf("making the subscriber: %w", err)
	}
	messages, err := sub.Subscribe(ctx, o.Subscription)
	if err != nil {
		return fmt.Errorf("subscribing: %w", err)
	}
	for m := range messages {
		if o.Work == 0 {
			m.Ack() // as the library's examples do
			continue
		}
		go func() { //nolint:contextcheck // a message has a context of its own
			o.Handle(m.Context())
			m.Ack()
		}()
	}
	return errors.New("the subscriber has ended")
}
