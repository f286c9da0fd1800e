package consume

import (
	"context"
	"errors"
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
	timeout  time.Duration
	drain    time.Duration
	slots    chan struct{}
	lot      *lot
	pulse    *pulse
	metrics  *metrics
	log      *zap.Logger
}

// allowance is how many messages may be leased beyond the running ones: parked, or waiting for a slot.
func allowance(concurrency int) int { return (concurrency + 9) / 10 }

// run receives until ctx is done, then works off what was received while the drain limit allows; at the limit it
// cancels the running handlers and nacks them together with what never started.
func (f *flow) run(ctx context.Context) error {
	working, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	draining := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(draining)
		f.beginDrain(working, cancel)
	})
	err := f.receiver.Run(ctx, func(d *pull.Delivery) { f.deliver(working, d) })
	cancel(nil) // Ends the drain's timer; nothing runs any more.
	if !stop() {
		<-draining
	}
	f.metrics.draining.Set(0)
	return err
}

// beginDrain waits for the drain limit, or for the end of the work, whichever is first.
func (f *flow) beginDrain(working context.Context, cancel context.CancelCauseFunc) {
	f.metrics.draining.Set(1)
	f.log.Info("draining", zap.Int("running", len(f.slots)), zap.Int("parked", f.lot.close()), zap.Duration("limit", f.drain))
	timer := time.NewTimer(f.drain)
	defer timer.Stop()
	select {
	case <-timer.C:
		f.log.Warn("the drain limit is reached: nacking what still runs", zap.Int("running", len(f.slots)))
		cancel(errDrainLimit)
	case <-working.Done():
	}
}

// deliver carries one message to the handler and settles it. It blocks until then, but for a parked message.
func (f *flow) deliver(working context.Context, d *pull.Delivery) {
	size := float64(len(d.Data))
	f.metrics.outstanding.Inc()
	f.metrics.bytes.Add(size)
	release := func() {
		f.metrics.outstanding.Dec()
		f.metrics.bytes.Sub(size)
	}
	if !f.takeSlot(working) {
		d.Nack()
		release()
		return
	}
	verdict := f.handle(working, d)
	<-f.slots
	f.settle(working, d, verdict, release)
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

// handle runs the handler on a slot that is held.
func (f *flow) handle(working context.Context, d *pull.Delivery) deliver.Verdict {
	begin := time.Now()
	f.arrived(&d.Message, begin)
	f.pulse.begin(begin)
	ctx, cancel := context.WithTimeout(working, f.timeout)
	defer cancel()
	verdict := f.guarded(ctx, &d.Message)
	if verdict.Result == deliver.Nack && errors.Is(context.Cause(working), errDrainLimit) {
		verdict.Reason = deliver.Shutdown
	}
	end := time.Now()
	f.pulse.end(end)
	f.metrics.inFlight.Dec()
	f.metrics.duration.WithLabelValues(string(verdict.Result)).Observe(end.Sub(begin).Seconds())
	return verdict
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
