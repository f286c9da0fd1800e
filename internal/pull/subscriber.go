package pull

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"google.golang.org/api/option"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/backlog"
)

// Options bounds the receiving of one subscription.
type Options struct {
	Subscription backlog.Subscription
	// MaxOutstandingMessages and MaxOutstandingBytes are the declared window: what is leased at once, running and
	// waiting together.
	MaxOutstandingMessages int
	MaxOutstandingBytes    int
	// LeaseExtension is how long a lease lasts unless it is extended, 10 to 600 s: it bridges an outage of that length, and
	// bounds how long the messages of a killed process stay stuck.
	LeaseExtension time.Duration
	// MaxLease is how long the lease of a message that is not settled is kept at the most.
	MaxLease time.Duration
}

// Subscriber receives one subscription. Make it with NewSubscriber, call Run once, then Close.
type Subscriber struct {
	opts    Options
	name    string // the subscription's full resource name
	dial    []option.ClientOption
	state   *state
	metrics *Metrics
	log     *zap.Logger
	pings   atomic.Bool // the server has answered a ping: from then on it is held to it
	// Tests shorten these two.
	pingInterval, pingAnswer time.Duration

	mu      sync.Mutex
	current *client          // nil when the subscriber is closed
	retired map[*client]bool // clients that were replaced while calls ran on them
}

// NewSubscriber opens no stream yet, but finds credentials: without any its error matches ErrNoCredentials.
func NewSubscriber(ctx context.Context, opts Options, metrics *Metrics, log *zap.Logger) (*Subscriber, error) {
	s := &Subscriber{
		opts: opts, name: opts.Subscription.String(), state: &state{}, metrics: metrics,
		log:          log.With(zap.Stringer("subscription", opts.Subscription)),
		pingInterval: pingInterval, pingAnswer: pingAnswer, retired: map[*client]bool{},
	}
	var err error
	if s.dial, err = credentials(ctx); err != nil {
		return nil, err
	}
	watch := &observer{subscription: opts.Subscription.ID, metrics: metrics, state: s.state}
	for _, o := range watch.dialOptions() {
		s.dial = append(s.dial, option.WithGRPCDialOption(o))
	}
	if s.current, err = dial(ctx, s.dial); err != nil {
		return nil, err
	}
	metrics.Start(opts.Subscription.ID)
	return s, nil
}

// Ready returns nil when the subscription's stream has been opened, else why not. An outage of Pub/Sub afterwards is
// no reason; a subscription that is gone or refused is one until it is back.
func (s *Subscriber) Ready() error { return s.state.ready(time.Now()) }

// Run receives until ctx is done and lends every message to handle, which is called on as many goroutines at once as
// the window has messages, and may block. After ctx is done it takes no more, and returns when every delivery is
// settled and the server has confirmed it, or the retries have used up their budget. It retries every error for ever.
func (s *Subscriber) Run(ctx context.Context, handle func(*Delivery)) error {
	in := newInventory()
	set := newSettler(in, s, s.opts.MaxOutstandingMessages, s.unconfirmed, s.log)
	keep := &keeper{inventory: in, api: s, extension: s.opts.LeaseExtension, maxLease: s.opts.MaxLease, expired: s.expired, unblock: set.unblock}
	calls, stop := context.WithCancel(context.WithoutCancel(ctx))
	var parts sync.WaitGroup
	parts.Go(func() { keep.run(calls) })
	parts.Go(func() { set.run(calls) })
	for range s.opts.MaxOutstandingMessages {
		parts.Go(func() {
			for it := in.next(); it != nil; it = in.next() {
				handle(&it.delivery)
			}
		})
	}
	s.receive(ctx, in, set)
	set.unblock(time.Now(), true) // Nothing comes any more.
	in.waitEmpty(calls)
	in.close()
	stop()
	parts.Wait()
	return nil
}

func (s *Subscriber) unconfirmed(op string, n int) {
	s.metrics.unconfirmed.WithLabelValues(s.opts.Subscription.ID, op).Add(float64(n))
}

func (s *Subscriber) expired(n int) {
	s.metrics.expired.WithLabelValues(s.opts.Subscription.ID).Add(float64(n))
}

// errClosed ends the calls of a subscriber that was closed before its Run returned.
var errClosed = status.Error(codes.FailedPrecondition, "the subscriber is closed")

// call runs f with the present client, which stays open meanwhile unless its path is known to be dead.
func (s *Subscriber) call(f func(*client) error) error {
	c := s.borrow()
	if c == nil {
		return errClosed
	}
	defer s.giveBack(c)
	return f(c)
}

func (s *Subscriber) borrow() *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		s.current.calls++
	}
	return s.current
}

// giveBack closes a client that was replaced when its last call has ended.
func (s *Subscriber) giveBack(c *client) {
	s.mu.Lock()
	c.calls--
	last := s.retired[c] && c.calls == 0
	if last {
		delete(s.retired, c)
	}
	s.mu.Unlock()
	if last {
		s.hangUp(c)
	}
}

// renew replaces the client, so that what comes next runs on a new connection: a stream that is opened anew on a
// half-dead connection is dead too. dead says that the old path is: then the calls on it are ended at once, to be
// repeated on the new one, instead of waiting out their time while leases run off.
func (s *Subscriber) renew(ctx context.Context, dead bool) error {
	fresh, err := dial(ctx, s.dial)
	if err != nil {
		return err
	}
	if gone := s.replace(fresh, dead); gone != nil {
		s.hangUp(gone)
	}
	return nil
}

// replace makes fresh the present client and returns the one to be closed now, if any: the old one unless calls are to
// end on it, or fresh itself when the subscriber is closed.
func (s *Subscriber) replace(fresh *client, dead bool) (gone *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.current
	if old == nil {
		return fresh
	}
	s.current = fresh
	if !dead && old.calls > 0 {
		s.retired[old] = true
		return nil
	}
	return old
}

func (s *Subscriber) hangUp(c *client) {
	if err := c.Close(); err != nil {
		s.log.Debug("closing a replaced connection", zap.Error(err))
	}
}

// Close ends the connections and whatever calls still run on them. Call it after Run has returned, or when Run is not
// waited for any longer: what is then unsettled comes again when its lease runs out.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return nil
	}
	for c := range s.retired {
		s.hangUp(c)
	}
	clear(s.retired)
	err := s.current.Close()
	s.current = nil
	return err
}
