// Command engine consumes with the worker's receive engine alone: no handler, no verdict, no time-out, an ack at once.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"spillway/bench/worker/peers/peer"
	"spillway/internal/backlog"
	"spillway/internal/pull"
)

func main() { peer.Main(consume) }

func consume(ctx context.Context, o peer.Options) error {
	sub, err := pull.NewSubscriber(ctx, pull.Options{
		Subscription:           backlog.Subscription{Project: o.Project, ID: o.Subscription},
		MaxOutstandingMessages: o.Outstanding,
		MaxOutstandingBytes:    100 << 20,
		LeaseExtension:         time.Minute,
		MaxLease:               10 * time.Minute,
	}, pull.NewMetrics(prometheus.NewRegistry()), zap.NewNop())
	if err != nil {
		return fmt.Errorf("making the subscriber: %w", err)
	}
	return sub.Run(ctx, ctx, func(*pull.Delivery) pull.Fate {
		o.Handle(ctx)
		return pull.Acked
	})
}
