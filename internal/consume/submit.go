package consume

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/deliver"
	"spillway/internal/pull"
	"spillway/internal/push"
)

var _ push.Flow = (*flow)(nil)

// abandoned is the reason of a nack after the sender of a push has hung up. It says nothing of the target.
const abandoned deliver.Reason = "abandoned"

// inlet lets pushed messages in while their flow runs. It is safe for concurrent use.
type inlet struct {
	mu      sync.Mutex
	working context.Context //nolint:containedctx // The flow's own, lent to requests; nil while the inlet is closed.
	inside  sync.WaitGroup
	waiting atomic.Int64 // for a slot
}

func (i *inlet) open(working context.Context) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.working = working
}

func (i *inlet) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.working = nil
}

// enter returns the working context, or nil from a closed inlet. After a context, inside.Done must follow.
func (i *inlet) enter() context.Context {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.working != nil {
		i.inside.Add(1)
	}
	return i.working
}

// Submit implements push.Flow: it hands a pushed message to the handler within the limits of the flow. As many as may be pulled
// beyond the running ones wait for a slot.
func (f *flow) Submit(ctx context.Context, m *backlog.Message) push.Outcome {
	working := f.inlet.enter()
	if working == nil {
		return push.Outcome{Fate: push.Stopping}
	}
	defer f.inlet.inside.Done()
	if !f.claim(ctx, working) {
		if working.Err() != nil {
			return push.Outcome{Fate: push.Stopping}
		}
		return push.Outcome{Fate: push.Busy}
	}
	p, ok := f.passNow(m)
	if !ok {
		f.slots.give()
		return push.Outcome{Fate: push.Busy}
	}
	givenUp, decided := make(chan struct{}), make(chan push.Outcome, 1)
	d := pull.NewDelivery(*m, func(bool) { close(givenUp) })
	go func() { decided <- f.attendTo(ctx, working, d, p) }() // It ends with its handler, or is given up as any other.
	select {
	case o := <-decided:
		return o
	case <-givenUp:
		return push.Outcome{Fate: push.Late}
	}
}

// claim takes a slot, or waits for one while there is room to wait.
func (f *flow) claim(ctx, working context.Context) bool {
	if f.slots.try() {
		return true
	}
	defer f.inlet.waiting.Add(-1)
	if f.inlet.waiting.Add(1) > int64(allowance(int(f.slots.limit))) {
		return false
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(working, cancel)()
	if !f.slots.take(waiting) {
		return false
	}
	if working.Err() != nil { // waiting ends a moment later than working.
		f.slots.give()
		return false
	}
	return true
}

// passNow lets a message through unless it would have to wait: it is the sender who waits.
func (f *flow) passNow(m *backlog.Message) (pass, bool) {
	p, ok := f.gate.tryEnter()
	if ok && !f.rate.allow() {
		f.gate.forgo(p, &pull.Delivery{Message: *m})
		return p, false
	}
	return p, ok
}

// attendTo runs the handler on a slot that is held. The handler's context ends with the request too.
func (f *flow) attendTo(ctx, working context.Context, d *pull.Delivery, p pass) push.Outcome {
	begin := time.Now()
	f.arrived(&d.Message, begin)
	call := f.watch.begin(f.spans.begin(working, ctx, &d.Message), d, begin)
	stop := context.AfterFunc(ctx, func() { call.cancel(&context.Canceled) })
	verdict, stuck, _ := f.finish(working, call, d, p, begin)
	stop()
	f.slots.give()
	if stuck {
		return push.Outcome{Fate: push.Late}
	}
	return f.answer(working, d, verdict)
}

// answer counts the verdict and says it in the words of a push. Nothing is parked: the sender keeps what it is to send again.
func (f *flow) answer(working context.Context, d *pull.Delivery, v deliver.Verdict) push.Outcome {
	if v.Result == deliver.DeadLetter {
		v = f.bury(working, d, v)
	}
	o := push.Outcome{Fate: push.Failed}
	switch v.Result {
	case deliver.Ack, deliver.Drop, deliver.DeadLetter:
		o.Fate = push.Done
	case deliver.DelayedNack:
		o.Fate, o.Delay = push.Delayed, v.Delay
	case deliver.Nack:
		switch v.Reason {
		case deliver.Timeout:
			o.Fate = push.Late
		case deliver.Shutdown:
			o.Fate = push.Stopping
		default:
		}
	default: // A handler without a verdict has not handled the message.
		v.Result, v.Reason = deliver.Nack, deliver.Error
	}
	f.count(d, v)
	return o
}
