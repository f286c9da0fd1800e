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

// receiver lends messages until ctx is done and returns when all are settled; what it has not lent by the end of working
// it gives back. internal/pull provides it.
type receiver interface {
	Run(ctx, working context.Context, handle func(*pull.Delivery) pull.Fate) error
}

// deadLetters takes messages that nobody can handle. It returns nil only when the message is safely kept.
type deadLetters interface {
	Publish(ctx context.Context, m *backlog.Message, reason string) error
}

// flow is one subscription with its handler and limits.
//
//	pull ──Delivery──> wait for a slot ──> gate, rate ──> handler ──Verdict──> settle
//	      receiving context        └── working context, which outlives it by the drain limit
type flow struct {
	receiver receiver // nil when messages are only pushed
	handler  deliver.Handler
	letters  deadLetters // nil without a topic
	drain    time.Duration
	slots    *slots
	lot      *lot
	watch    *watch
	inlet    inlet
	gate     *gate
	rate     *rate  // nil without a limit
	spans    *spans // nil without tracing
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
	attendants.Go(func() { f.gate.run(working) })
	f.inlet.open(working)
	defer context.AfterFunc(ctx, f.inlet.close)()
	err := f.receive(ctx, working)
	f.inlet.close()
	f.inlet.inside.Wait()
	close(over)
	cancel(nil)
	attendants.Wait()
	f.metrics.draining.Set(0)
	return err
}

// receive pulls until ctx is done and every pulled message is settled.
func (f *flow) receive(ctx, working context.Context) error {
	if f.receiver == nil {
		<-ctx.Done()
		return nil
	}
	return f.receiver.Run(ctx, working, func(d *pull.Delivery) pull.Fate { return f.deliver(working, d) })
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
			f.log.Warn("the drain limit is reached: nacking what still runs and what is held",
				zap.Int("running", f.slots.held()), zap.Int64("held", f.slots.resting.Load()))
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
	f.log.Info("draining", zap.Int("running", f.slots.held()), zap.Int("parked", parked), zap.Duration("limit", f.drain))
}

// giveUp nacks messages whose handlers ignore that their context has ended. Such a handler keeps its slot.
func (f *flow) giveUp(stuck []*pull.Delivery, why deliver.Reason) {
	for _, d := range stuck {
		f.log.Error("a handler ignores the end of its context", zap.String("message_id", d.ID))
		d.Nack()
		f.count(d, deliver.Verdict{Result: deliver.Nack, Reason: why, Detail: "the handler is stuck"})
	}
}

// deliver carries one message to the handler and returns its fate.
func (f *flow) deliver(working context.Context, d *pull.Delivery) pull.Fate {
	if !f.slots.take(working) {
		return pull.Nacked
	}
	verdict, end := f.try(working, d)
	f.slots.give()
	switch end {
	case untried:
		f.gate.holds.givenBack.Inc()
		return pull.Nacked
	case givenBack:
		f.giveBack(working, d, verdict)
		return pull.Nacked
	case stuck:
		return pull.Open // It was decided when the handler was given up.
	case decided:
	}
	return f.settle(working, d, verdict)
}

// ending is how the trying of a message ended.
type ending int

const (
	untried   ending = iota // it was given to nobody
	givenBack               // it was tried and then held, for too long or until the end of working
	stuck                   // its handler was given up meanwhile
	decided                 // by the verdict
)

const (
	// manyTries bounds how often a message is tried on a target that turns out to be away.
	manyTries = 10
	// manySeen bounds how many of these tries the target may have seen: it is by delivery attempts that poison is recognised.
	manySeen = 3
)

// try gives a message to the handler when gate and rate let it, and again when the target turns out to be away: that costs no
// delivery attempt.
func (f *flow) try(working context.Context, d *pull.Delivery) (v deliver.Verdict, end ending) {
	for n, seen := 0, 0; n < manyTries; n++ {
		p, ok := f.pass(working, d, n)
		if !ok {
			return v, end
		}
		var givenUp, doubt bool
		v, givenUp, doubt = f.handle(working, d, p, n > 0)
		if givenUp {
			return v, stuck
		}
		if !v.Unsent {
			seen++
		}
		if !v.Unsent && (!doubt || seen == manySeen || !f.gate.suspend(working)) {
			break
		}
		end = givenBack
	}
	return v, decided
}

// pass waits until the gate and the rate let a message through.
func (f *flow) pass(working context.Context, d *pull.Delivery, tries int) (pass, bool) {
	for {
		p, ok := f.gate.enter(working, tries)
		if !ok || f.rate == nil {
			return p, ok
		}
		if !f.rate.wait(working) {
			f.gate.forgo(p, d)
			return p, false
		}
		if f.gate.open(p) { // It may have closed meanwhile.
			return p, true
		}
	}
}

// handle runs the handler on a slot that is held; again says that the message has been counted. It reports whether the handler
// was given up meanwhile, and whether a nack is in doubt.
func (f *flow) handle(working context.Context, d *pull.Delivery, p pass, again bool) (verdict deliver.Verdict, stuck, doubt bool) {
	begin := time.Now()
	if !again {
		f.arrived(&d.Message, begin)
	}
	return f.finish(working, f.watch.begin(f.spans.begin(working, nil, &d.Message), d, begin), d, p, begin)
}

// finish runs the handler under its call, which began at begin.
func (f *flow) finish(working context.Context, ctx *call, d *pull.Delivery, p pass, begin time.Time) (verdict deliver.Verdict, stuck, doubt bool) {
	verdict = f.guarded(ctx, &d.Message) //nolint:contextcheck // The call is derived from working.
	switch {
	case verdict.Result != deliver.Nack:
	case errors.Is(context.Cause(working), errDrainLimit):
		verdict.Reason = deliver.Shutdown
	case working.Err() == nil && errors.Is(ctx.Err(), context.Canceled):
		verdict.Reason, verdict.Detail = abandoned, "the sender hung up"
	}
	end := begin.Add(time.Since(begin)) // It reads one clock instead of two.
	stuck = f.watch.end(ctx, end)
	doubt = f.gate.leave(p, d, verdict, end)
	f.metrics.took(verdict.Result, end.Sub(begin))
	f.spans.end(ctx, verdict) //nolint:contextcheck // The call is derived from working.
	return verdict, stuck, doubt
}

// arrived counts a message on its way to the handler.
func (f *flow) arrived(m *backlog.Message, now time.Time) {
	f.metrics.received.Add(1)
	f.metrics.last.note(now)
	f.metrics.age.Observe(max(0, now.Sub(m.PublishTime).Seconds()))
	if m.DeliveryAttempt > 0 {
		f.metrics.attempts.Observe(float64(m.DeliveryAttempt))
	}
	if m.DeliveryAttempt > 1 {
		f.metrics.redelivered.Add(1)
		return
	}
	f.metrics.frontier.note(m.PublishTime)
}

// guarded turns a handler's panic into a nack: one poisoned message must not end the others.
func (f *flow) guarded(ctx context.Context, m *backlog.Message) (v deliver.Verdict) {
	defer func() {
		if p := recover(); p != nil {
			f.rarely.Error("the handler panicked; the metrics count the others of this minute", zap.String("message_id", m.ID), zap.Any("panic", p), zap.Stack("stack_trace"))
			v = deliver.Verdict{Result: deliver.Nack, Reason: deliver.Panic, Detail: "panic"}
		}
	}()
	return f.handler.Handle(ctx, m)
}
