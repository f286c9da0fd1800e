package consume

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"spillway/internal/backlog"
	"spillway/internal/deliver"
	"spillway/internal/pull"
)

// errDrainLimit cancels the handlers that still run at the drain limit.
var errDrainLimit = errors.New("the drain limit is reached")

// receiver lends messages until its context is done and returns when all are settled. internal/pull provides it.
type receiver interface {
	Run(ctx context.Context, handle func(*pull.Delivery)) error
}

// deadLetters takes messages that nobody can handle. It returns nil only when the message is safely kept.
type deadLetters interface {
	Publish(ctx context.Context, m *backlog.Message, reason string) error
}

// flow is one subscription with its handler and limits.
//
//	pull ──Delivery──> wait for a slot ──> handler ──Verdict──> settle
//	      receiving context        └── working context, which outlives it by the drain limit
type flow struct {
	receiver receiver
	handler  deliver.Handler
	letters  deadLetters // nil without a topic
	drain    time.Duration
	slots    chan struct{}
	lot      *lot
	watch    *watch
	metrics  *metrics
	log      *zap.Logger
	rarely   *zap.Logger // log, once a minute
}

// allowance is how many messages may be leased beyond the running ones: parked, or waiting for a slot.
func allowance(concurrency int) int { return (concurrency + 9) / 10 }

// run receives until ctx is done, then works off what was received while the drain limit allows; at the limit it
// cancels the running handlers and nacks them together with what never started.
func (f *flow) run(ctx context.Context) error {
	working, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	over := make(chan struct{})
	var attendants sync.WaitGroup
	attendants.Go(func() { f.attend(ctx, cancel, over) })
	attendants.Go(func() { f.watch.run(working) })
	err := f.receiver.Run(ctx, func(d *pull.Delivery) { f.deliver(working, d) })
	close(over)
	cancel(nil)
	attendants.Wait()
	f.metrics.draining.Set(0)
	return err
}

// attend watches over the handlers until over is closed: it takes the messages of those that ignore the end of their
// context away from them and, once ctx is done, cancels what runs at the drain limit.
func (f *flow) attend(ctx context.Context, cancel context.CancelCauseFunc, over <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	stopping := ctx.Done()
	var limit, patience <-chan time.Time
	var begin time.Time
	for {
		select {
		case <-over:
			if stopping == nil {
				f.log.Info("drained", zap.Duration("after", time.Since(begin).Round(time.Millisecond)))
			}
			return
		case now := <-tick.C:
			f.giveUp(f.watch.giveUp(now, false), deliver.Timeout)
		case <-stopping:
			stopping, limit, begin = nil, time.After(f.drain), time.Now()
			f.beginDrain()
		case <-limit:
			f.log.Warn("the drain limit is reached: nacking what still runs", zap.Int("running", len(f.slots)))
			cancel(errDrainLimit)
			patience = time.After(ackFlush / 2)
		case now := <-patience:
			f.giveUp(f.watch.giveUp(now, true), deliver.Shutdown)
		}
	}
}

func (f *flow) beginDrain() {
	f.metrics.draining.Set(1)
	parked := f.lot.close()
	f.log.Info("draining", zap.Int("running", len(f.slots)), zap.Int("parked", parked), zap.Duration("limit", f.drain))
}

// giveUp nacks messages whose handlers ignore that their context has ended. Such a handler keeps its slot.
func (f *flow) giveUp(stuck []*pull.Delivery, why deliver.Reason) {
	for _, d := range stuck {
		f.log.Error("a handler ignores the end of its context", zap.String("message_id", d.ID))
		d.Nack()
		f.count(d, deliver.Verdict{Result: deliver.Nack, Reason: why, Detail: "the handler is stuck"})
	}
}

// deliver carries one message to the handler and settles it. It blocks until then, but for a parked message.
func (f *flow) deliver(working context.Context, d *pull.Delivery) {
	if !f.takeSlot(working) {
		d.Nack()
		return
	}
	verdict, stuck := f.handle(working, d)
	<-f.slots
	if !stuck {
		f.settle(working, d, verdict)
	}
}

// takeSlot waits for a slot. It reports false when working is done, even if there is a slot by then.
func (f *flow) takeSlot(working context.Context) bool {
	select {
	case f.slots <- struct{}{}:
		if working.Err() == nil {
			return true
		}
		<-f.slots
		return false
	case <-working.Done():
		return false
	}
}

// handle runs the handler on a slot that is held. It reports whether the handler was given up meanwhile.
func (f *flow) handle(working context.Context, d *pull.Delivery) (verdict deliver.Verdict, stuck bool) {
	begin := time.Now()
	f.arrived(&d.Message, begin)
	ctx := f.watch.begin(working, d, begin)
	verdict = f.guarded(ctx, &d.Message) //nolint:contextcheck // The call is derived from working.
	if verdict.Result == deliver.Nack && errors.Is(context.Cause(working), errDrainLimit) {
		verdict.Reason = deliver.Shutdown
	}
	end := time.Now()
	stuck = f.watch.end(ctx, end)
	f.metrics.inFlight.Dec()
	f.metrics.took(verdict.Result, end.Sub(begin))
	return verdict, stuck
}

// arrived counts a message on its way to the handler.
func (f *flow) arrived(m *backlog.Message, now time.Time) {
	f.metrics.received.Inc()
	f.metrics.inFlight.Inc()
	f.metrics.last.Set(float64(now.UnixMilli()) / 1e3)
	f.metrics.age.Observe(max(0, now.Sub(m.PublishTime).Seconds()))
	if m.DeliveryAttempt > 0 {
		f.metrics.attempts.Observe(float64(m.DeliveryAttempt))
	}
	if m.DeliveryAttempt > 1 {
		f.metrics.redelivered.Inc()
	}
}

// guarded turns a handler's panic into a nack: one poisoned message must not end the others.
func (f *flow) guarded(ctx context.Context, m *backlog.Message) (v deliver.Verdict) {
	defer func() {
		if p := recover(); p != nil {
			f.log.Error("the handler panicked", zap.String("message_id", m.ID), zap.Any("panic", p), zap.Stack("stack_trace"))
			v = deliver.Verdict{Result: deliver.Nack, Reason: deliver.Panic, Detail: "panic"}
		}
	}()
	return f.handler.Handle(ctx, m)
}
