package pull

import (
	"context"
	"slices"
	"sync"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
)

const (
	// keeperTick is how often leases are looked at. A message that is settled within the first tick needs no call.
	keeperTick = time.Second
	// maxIDs bounds one request: 2500 ack IDs of 200 bytes are just below the service's 512 KiB.
	maxIDs = 2500
	// maxExtension is the longest lease that the service grants.
	maxExtension = 10 * time.Minute
	// callTimeout bounds one attempt of an ack or modack call.
	callTimeout = 30 * time.Second
)

// keeper extends the leases of everything in the inventory when half of their time is over; the other half covers a
// failed attempt and its retry. Each request has a goroutine of its own, so that a call that hangs delays no other.
type keeper struct {
	inventory *inventory
	api       api
	extension time.Duration // what each extension asks for
	maxLease  time.Duration
	expired   func(n int)
}

// run keeps leases until ctx is done and its calls have ended.
func (k *keeper) run(ctx context.Context) {
	var calls sync.WaitGroup
	defer calls.Wait()
	tick := time.NewTicker(keeperTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			due, expired := k.inventory.takeDue(now, k.extension/2, k.maxLease)
			k.expired(expired)
			k.inventory.unblock(now, false)
			k.inventory.trim()
			for chunk := range slices.Chunk(due, maxIDs) {
				calls.Go(func() { k.extend(ctx, chunk) })
			}
		}
	}
}

func (k *keeper) extend(ctx context.Context, items []*item) {
	bounded, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	ids := k.inventory.ids(items)
	err := k.api.modack(bounded, ids, k.extension)
	if retry, _ := sort(items, ids, err); ctx.Err() == nil {
		k.inventory.retryLease(retry, time.Now())
	}
}

// api is what the engine asks of the server for ack IDs.
type api interface {
	acknowledge(ctx context.Context, ids []string) error
	modack(ctx context.Context, ids []string, d time.Duration) error
}

// acknowledge implements api.
func (s *Subscriber) acknowledge(ctx context.Context, ids []string) error {
	return s.call(func(c *client) error {
		return c.Acknowledge(ctx, &pubsubpb.AcknowledgeRequest{Subscription: s.name, AckIds: ids})
	})
}

// seconds returns a lease in the protocol's unit.
func seconds(d time.Duration) int32 {
	return int32(min(d, maxExtension) / time.Second) //nolint:gosec // At most 600.
}

// modack implements api.
func (s *Subscriber) modack(ctx context.Context, ids []string, d time.Duration) error {
	return s.call(func(c *client) error {
		return c.ModifyAckDeadline(ctx, &pubsubpb.ModifyAckDeadlineRequest{
			Subscription: s.name, AckIds: ids, AckDeadlineSeconds: seconds(d),
		})
	})
}
