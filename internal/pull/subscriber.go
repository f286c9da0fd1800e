package pull

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"go.uber.org/zap"
	"google.golang.org/api/option"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/backlog"
)

// The lease of one extension. 60 s bridges a hung Acknowledge, which stalls the client's extensions for that long, and
// bounds how long a killed process's messages stay stuck.
const leaseExtension = time.Minute

// The waits between attempts after a permanent error, doubled each time and jittered.
const (
	firstWait = 500 * time.Millisecond
	longWait  = 30 * time.Second
)

// Options bounds the receiving of one subscription.
type Options struct {
	Subscription backlog.Subscription
	// MaxOutstandingMessages and MaxOutstandingBytes are the declared window: what is leased at once, running and
	// waiting together.
	MaxOutstandingMessages int
	MaxOutstandingBytes    int
	// MaxLease is how long a message's lease is kept at the most.
	MaxLease time.Duration
}

// Subscriber receives one subscription.
type Subscriber struct {
	opts    Options
	client  *pubsub.Client
	sub     *pubsub.Subscriber
	state   *state
	metrics *Metrics
	log     *zap.Logger
}

// NewSubscriber connects nothing yet, but finds credentials: without any its error matches ErrNoCredentials. Close it
// after Run has returned.
func NewSubscriber(ctx context.Context, opts Options, metrics *Metrics, log *zap.Logger) (*Subscriber, error) {
	s := &Subscriber{opts: opts, state: &state{}, metrics: metrics, log: log.With(zap.Stringer("subscription", opts.Subscription))}
	watch := &observer{subscription: opts.Subscription.ID, metrics: metrics, state: s.state}
	var dial []option.ClientOption
	for _, o := range watch.dialOptions() {
		dial = append(dial, option.WithGRPCDialOption(o))
	}
	client, err := NewClient(ctx, opts.Subscription.Project, dial...)
	if err != nil {
		return nil, err
	}
	metrics.start(opts.Subscription.ID)
	s.client = client
	s.sub = client.Subscriber(opts.Subscription.String())
	s.sub.ReceiveSettings = pubsub.ReceiveSettings{
		MaxExtension: opts.MaxLease, MinDurationPerAckExtension: leaseExtension, MaxDurationPerAckExtension: leaseExtension,
		MaxOutstandingMessages: opts.MaxOutstandingMessages, MaxOutstandingBytes: opts.MaxOutstandingBytes,
		NumGoroutines: 1, EnablePerStreamFlowControl: true,
		// No ShutdownOptions: every timed form of them returns before the last acks have left.
	}
	return s, nil
}

// Close ends the connections.
func (s *Subscriber) Close() error { return s.client.Close() }

// Ready returns nil when the subscription's stream has been opened, else why not. An outage of Pub/Sub afterwards is
// no reason; a subscription that is gone or refused is one until it is back.
func (s *Subscriber) Ready() error { return s.state.ready(time.Now()) }

// look asks for the subscription once and reports whether it was seen to exist. That these credentials may not see it
// is no error: roles/pubsub.subscriber allows to consume but not to get.
func (s *Subscriber) look(ctx context.Context) (bool, error) {
	bounded, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := s.client.SubscriptionAdminClient.GetSubscription(bounded, &pubsubpb.GetSubscriptionRequest{Subscription: s.opts.Subscription.String()})
	if code := status.Code(err); code == codes.PermissionDenied || code == codes.Unimplemented {
		return false, nil
	}
	if err != nil {
		return false, explain(s.opts.Subscription.String(), err)
	}
	return true, nil
}

// Run receives until ctx is done and lends every message to handle, which is called on many goroutines at once and may
// block. After ctx is done it takes no more, and returns when each delivery that was lent is settled and the acks are
// sent. Permanent errors (the subscription is missing, access is refused) are logged and retried for ever.
func (s *Subscriber) Run(ctx context.Context, handle func(*Delivery)) error {
	for wait := firstWait; ; wait = min(2*wait, longWait) {
		begin := time.Now()
		err := s.attempt(ctx, handle)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = errors.New("receiving ended by itself")
		}
		s.state.fail(err)
		s.metrics.restarts.WithLabelValues(s.opts.Subscription.ID, status.Code(errors.Unwrap(err)).String()).Inc()
		if time.Since(begin) > longWait {
			wait = firstWait
		}
		pause := wait/2 + rand.N(wait/2) //nolint:gosec // Jitter needs no secrecy.
		s.log.Warn("receiving failed", zap.Error(err), zap.Duration("retry_in", pause.Round(time.Millisecond)))
		sleep(ctx, pause)
	}
}

// attempt receives until ctx is done or a permanent error comes.
func (s *Subscriber) attempt(ctx context.Context, handle func(*Delivery)) error {
	verified, err := s.look(ctx)
	if err != nil {
		return err
	}
	s.state.begin(verified)
	// The client's own context for the handler is not passed on: it is cancelled the moment receiving stops.
	err = s.sub.Receive(ctx, func(_ context.Context, m *pubsub.Message) { handle(lend(m)) })
	if err != nil {
		return explain(s.opts.Subscription.String(), err)
	}
	return nil
}

func lend(m *pubsub.Message) *Delivery {
	attempt := 0
	if m.DeliveryAttempt != nil {
		attempt = *m.DeliveryAttempt
	}
	return NewDelivery(backlog.Message{
		ID: m.ID, Data: m.Data, Attributes: m.Attributes, PublishTime: m.PublishTime,
		OrderingKey: m.OrderingKey, DeliveryAttempt: attempt,
	}, m.Ack, m.Nack)
}

// sleep waits for d or until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
