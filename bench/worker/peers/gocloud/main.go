// Command gocloud consumes with the Go CDK's portable pubsub.
package main

import (
	"context"
	"fmt"

	"gocloud.dev/pubsub"
	_ "gocloud.dev/pubsub/gcppubsub" // opens gcppubsub URLs

	"spillway/bench/worker/peers/peer"
)

func main() { peer.Main(consume) }

// consume hands each message to a goroutine, as many at once as there may be outstanding: the library's own example.
func consume(ctx context.Context, o peer.Options) error {
	sub, err := pubsub.OpenSubscription(ctx, "gcppubsub://projects/"+o.Project+"/subscriptions/"+o.Subscription)
	if err != nil {
		return fmt.Errorf("opening the subscription: %w", err)
	}
	slots := make(chan struct{}, o.Outstanding)
	for {
		m, err := sub.Receive(ctx)
		if err != nil {
			return fmt.Errorf("receiving: %w", err)
		}
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			o.Handle(ctx)
			m.Ack()
		}()
	}
}
