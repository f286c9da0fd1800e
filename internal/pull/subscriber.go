package pull

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"google.golang.org/api/option"

	"spillway/internal/backlog"
)

// Options bounds the receiving of one subscription.
type Options struct {
	Subscription backlog.Subscription
	// MaxOutstandingMessages and MaxOutstandingBytes are the declared window: what is leased at once, running and
	// waiting together.
	MaxOutstandingMessages int
	MaxOutstandingBytes    int
	// Handlers is how many messages are handled at once; 0 means the window.
	Handlers int
	// Streams is how many streams share the window, each on a connection of its own; 0 means 1, which does for most.
	Streams int
	// Unary receives by Pull calls instead of streams, each for as many messages as there are free handlers: for slow
	// handlers, whose messages would else wait here while another process is free. One call is under way on each stream.
	Unary bool
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
	state   *state
	metrics *Metrics
	log     *zap.Logger
	pings   atomic.Bool               // the server has answered a ping: from then on it is held to it
	in      atomic.Pointer[inventory] // while Run runs
	missed  atomic.Bool               // people were told that there is no stream
	valve   *valve
	// Tests shorten these two.
	pingInterval, pingAnswer time.Duration

	lines []*line // one for each stream
	turn  atomic.Uint64
}

// NewSubscriber opens no stream yet, but finds credentials: without any its error matches ErrNoCredentials.
func NewSubscriber(ctx context.Context, opts Options, metrics *Metrics, log *zap.Logger) (*Subscriber, error) {
	opts.Streams = max(1, opts.Streams)
	if opts.Handlers == 0 {
		opts.Handlers = opts.MaxOutstandingMessages
	}
	s := &Subscriber{
		opts: opts, name: opts.Subscription.String(), state: &state{}, metrics: metrics,
		log:   log.With(zap.Stringer("subscription", opts.Subscription)),
		valve: newValve(), pingInterval: pingInterval, pingAnswer: pingAnswer,
	}
	dial, err := credentials(ctx)
	if err != nil {
		return nil, err
	}
	watch := &observer{subscription: opts.Subscription.ID, metrics: metrics, state: s.state}
	for _, o := range watch.dialOptions() {
		dial = append(dial, option.WithGRPCDialOption(o))
	}
	for range opts.Streams {
		l, err := newLine(ctx, dial, s.log)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.lines = append(s.lines, l)
	}
	metrics.Start(opts.Subscription.ID, s.Outstanding)
	return s, nil
}

// Ready returns nil when the subscription's stream has been opened, else why not. An outage of Pub/Sub afterwards is
// no reason; a subscription that is gone or refused is one until it is back.
func (s *Subscriber) Ready() error { return s.state.ready(time.Now()) }

// Run receives until ctx is done and lends every message to handle, which is called on as many goroutines at once as
// Options.Handlers says, may block, and returns the message's fate. After ctx is done it takes no more, and returns when
// every delivery is settled and the server has confirmed it, or the retries have used up their budget. When working is
// done, what handle was not given yet is nacked. It retries every error for ever.
func (s *Subscriber) Run(ctx, working context.Context, handle func(*Delivery) Fate) error {
	in := newInventory(s.opts.Handlers, batchOf(s.opts.MaxOutstandingMessages), func(it *item) Fate { return handle(&it.delivery) })
	s.in.Store(in)
	defer s.in.Store(nil)
	defer context.AfterFunc(working, in.giveBack)()
	set := &settler{inventory: in, api: s, lost: s.unconfirmed, log: s.log}
	keep := &keeper{inventory: in, api: s, extension: s.opts.LeaseExtension, maxLease: s.opts.MaxLease, expired: s.expired}
	calls, stop := context.WithCancel(context.WithoutCancel(ctx))
	var parts sync.WaitGroup
	parts.Go(func() { keep.run(calls) })
	parts.Go(func() { set.run(calls) })
	var streams sync.WaitGroup
	for _, l := range s.lines {
		streams.Go(func() { s.receive(ctx, l, in) })
	}
	streams.Wait()
	in.unblock(time.Now(), true) // Nothing comes any more.
	in.waitEmpty(calls)
	in.pool.close()
	stop()
	parts.Wait()
	return nil
}

// Outstanding returns how many messages are leased and not settled while Run runs, and their payload in bytes.
func (s *Subscriber) Outstanding() (messages, bytes int) {
	if in := s.in.Load(); in != nil {
		return in.outstanding()
	}
	return 0, 0
}

func (s *Subscriber) unconfirmed(op string, n int) {
	s.metrics.unconfirmed.WithLabelValues(s.opts.Subscription.ID, op).Add(float64(n))
}

func (s *Subscriber) expired(n int) {
	s.metrics.expired.WithLabelValues(s.opts.Subscription.ID).Add(float64(n))
}

// call runs f with one client after the other, so that the calls of a dead connection have another to be retried on.
func (s *Subscriber) call(f func(*client) error) error {
	return s.lines[s.turn.Add(1)%uint64(len(s.lines))].call(f)
}

// Close ends the connections and whatever calls still run on them. Call it after Run has returned, or when Run is not
// waited for any longer: what is then unsettled comes again when its lease runs out, and is told of in the log.
func (s *Subscriber) Close() error {
	s.tellLeft()
	var errs []error
	for _, l := range s.lines {
		errs = append(errs, l.close())
	}
	return errors.Join(errs...)
}

// tellLeft says what Run, if it still runs, leaves behind.
func (s *Subscriber) tellLeft() {
	in := s.in.Load()
	if in == nil {
		return
	}
	if left := in.left(); len(left) > 0 {
		s.log.Warn("closing before the server has confirmed everything; these messages come again when their leases run out",
			zap.Int("acked", left[Acked]), zap.Int("nacked", left[Nacked]), zap.Int("undecided", left[Open]))
	}
}
