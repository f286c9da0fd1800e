package pull

import (
	"context"
	"errors"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/backlog"
)

const (
	// pullTimeout bounds one Pull. The server answers earlier, without messages if there are none.
	pullTimeout = 90 * time.Second
	// maxPull is the most messages that one Pull is asked for.
	maxPull = 1000
)

// ask receives by one Pull after the other, each for as many messages as can be handled at once, until ctx is done or a
// call fails. Nothing is leased that would wait. sub is nil when these credentials may not see the subscription.
func (s *Subscriber) ask(ctx context.Context, l *line, in *inventory, sub *pubsubpb.Subscription) error {
	s.metrics.streamConnected.WithLabelValues(s.opts.Subscription.ID).Inc()
	s.state.opened(time.Now())
	defer func() {
		s.metrics.streamConnected.WithLabelValues(s.opts.Subscription.ID).Dec()
		s.state.closed()
	}()
	// A key is there for its order, as far as is known.
	ordered := sub == nil || sub.GetEnableMessageOrdering()
	for {
		n := in.reserve(ctx, s.opts.MaxOutstandingMessages, s.opts.MaxOutstandingBytes)
		err := ctx.Err()
		var messages []*pubsubpb.ReceivedMessage
		if err == nil {
			messages, err = s.pullOnce(ctx, l, n)
		}
		in.add(itemsOf(messages, in, ordered, time.Now())...)
		in.takeBack(n)
		if err != nil {
			return err
		}
		if s.missed.Swap(false) {
			s.log.Info("pulling works again")
		}
		s.state.received()
	}
}

// pullOnce makes one call. At the end of ctx it gives the answer a moment that may be on its way: what a cancelled call
// was sent is leased to nobody.
func (s *Subscriber) pullOnce(ctx context.Context, l *line, most int) ([]*pubsubpb.ReceivedMessage, error) {
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), pullTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(closing/4, cancel) })()
	var answer *pubsubpb.PullResponse
	err := l.call(func(c *client) (err error) {
		answer, err = c.Pull(call, &pubsubpb.PullRequest{Subscription: s.name, MaxMessages: int32(most)}) //nolint:gosec // At most maxPull.
		return err
	})
	if err != nil && status.Code(rootStatus(err)) == codes.DeadlineExceeded && ctx.Err() == nil && errors.Is(call.Err(), context.DeadlineExceeded) {
		return nil, errPing // A server that holds a call for so long is not there any more.
	}
	return answer.GetReceivedMessages(), err
}

// itemsOf makes the items of pulled messages. Their leases are the subscription's own until they are extended, which may be
// short: they are due at once.
func itemsOf(messages []*pubsubpb.ReceivedMessage, in *inventory, ordered bool, now time.Time) []*item {
	array, items := make([]item, len(messages)), make([]*item, len(messages))
	for i, r := range messages {
		m, it := r.GetMessage(), &array[i]
		it.delivery = Delivery{owner: it, Message: backlog.Message{
			ID: m.GetMessageId(), Data: m.GetData(), Attributes: backlog.AttributesOf(m.GetAttributes()),
			PublishTime: m.GetPublishTime().AsTime(), OrderingKey: m.GetOrderingKey(), DeliveryAttempt: int(r.GetDeliveryAttempt()),
		}}
		it.ackID, it.home, it.born, it.due, it.ordered = r.GetAckId(), in, now, now, ordered && m.GetOrderingKey() != ""
		items[i] = it
	}
	return items
}
