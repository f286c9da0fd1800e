package consume

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"spillway/internal/deliver"
	"spillway/internal/pull"
)

// gate stands before the handler. While the breaker is not closed it holds messages back, which keep their leases, and pauses
// receiving; it checks the target and lets messages through again. What is held too long it gives back, because the target
// of another worker may be well. Without a check it is always open and costs nothing.
type gate struct {
	// Given.
	check func(context.Context) error // nil: the handler is no target
	pause func(bool)                  // of receiving
	hold  time.Duration               // for which messages are held at first
	slots *slots                      // those who wait have one
	holds *holds
	log   *zap.Logger

	began time.Time

	// What every message touches, without the lock. The state is the number of changes of the phase so far, doubled, and 1 more
	// while the breaker is closed.
	state atomic.Uint64
	calm  atomic.Bool  // nothing would change if a message worked
	alive atomic.Int64 // when a message last worked, in nanoseconds since began

	mu      sync.Mutex
	breaker *breaker
	busy    bool               // the one message of the trial is under way
	held    int                // messages that wait
	tries   [manyTries + 1]int // the same, by how often they have been tried
	round   int                // how often what was held has been given back
	until   time.Time          // when what is held is given back; zero while nothing is
	stale   bool               // what comes now was received before that: it goes back at once
	left    time.Time          // when the breaker was last closed
	said    bool               // people were told that messages are held back
	changed chan struct{}      // closed and made anew whenever those who wait have to look again
	wake    chan struct{}      // capacity 1: run has to look again
	paused  bool               // what was last told to receiving
}

// newGate completes a gate of which what is to be given is set.
func newGate(g *gate) *gate {
	now := time.Now()
	g.began, g.left, g.breaker = now, now, newBreaker(now, g.check != nil)
	g.changed, g.wake = make(chan struct{}), make(chan struct{}, 1)
	g.calm.Store(g.breaker.calm())
	g.show()
	if g.breaker.phase != closed {
		g.setPaused(true)
	}
	return g
}

// pass is leave to give one message to the handler.
type pass struct {
	state uint64
	trial bool
}

// enter waits until a message may be handled that has been tried so often before. It reports false when the message is to be
// given back instead: it was held too long, or working is done.
func (g *gate) enter(working context.Context, tries int) (pass, bool) {
	if state := g.state.Load(); state&1 == 1 {
		return pass{state: state}, true
	}
	return g.wait(working, min(tries, manyTries))
}

// open says whether a pass is still good: a message that waited for something else meanwhile may have to wait here again.
func (g *gate) open(p pass) bool { return p.trial || g.state.Load() == p.state }

func (g *gate) wait(working context.Context, tries int) (p pass, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count(tries, 1)
	defer g.count(tries, -1)
	for round := g.round; ; {
		if g.first(tries) {
			if p, ok := g.let(); ok {
				return p, true
			}
		}
		if g.round != round || g.stale || working.Err() != nil {
			return pass{}, false
		}
		g.waitForChange(working, nil)
	}
}

// waitForChange waits until there is something to look at again, or for either of the two. The lock is held, but meanwhile.
func (g *gate) waitForChange(working context.Context, over <-chan time.Time) {
	changed := g.changed
	g.mu.Unlock()
	defer g.mu.Lock()
	select {
	case <-changed:
	case <-working.Done():
	case <-over:
	}
}

// first says whether none waits that has been tried less often: a message that fails by itself must not be the only one that is
// tried. The lock is held.
func (g *gate) first(tries int) bool {
	for _, n := range g.tries[:tries] {
		if n > 0 {
			return g.breaker.phase != trial
		}
	}
	return true
}

// count notes a message that begins or ceases to wait. The lock is held.
func (g *gate) count(tries, n int) {
	g.held += n
	g.tries[tries] += n
	g.slots.rest(n)
	g.holds.target.Set(float64(g.held))
	switch {
	case g.held == 0:
		g.until = time.Time{}
		notify(g.wake)
	case g.until.IsZero():
		g.until = time.Now().Add(g.breaker.holdFor(g.hold))
		notify(g.wake)
	}
}

// tryEnter is enter for a message that does not wait.
func (g *gate) tryEnter() (pass, bool) {
	if state := g.state.Load(); state&1 == 1 {
		return pass{state: state}, true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.let()
}

// let lets a message through, if that is possible now. The lock is held.
func (g *gate) let() (pass, bool) {
	p := pass{state: g.state.Load(), trial: g.breaker.phase == trial}
	if g.breaker.phase == opened || p.trial && g.busy {
		return pass{}, false
	}
	g.busy = g.busy || p.trial
	return p, true
}

// leave notes at now what became of the message that had the pass. It reports whether a nack is in doubt: the target may be
// away, and suspend will tell.
func (g *gate) leave(p pass, d *pull.Delivery, v deliver.Verdict, now time.Time) (doubt bool) {
	if g.check == nil {
		return false
	}
	o := outcomeOf(v)
	if o == alive && !p.trial && g.calm.Load() {
		g.alive.Store(int64(now.Sub(g.began)))
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.breaker.phase
	if last := g.began.Add(time.Duration(g.alive.Load())); last.After(g.breaker.last) {
		g.breaker.last = last
	}
	if p.trial {
		g.busy = false
		g.lookAgain()
	}
	if p.state == g.state.Load() {
		g.breaker.note(now, o, d.ID, d.DeliveryAttempt, string(v.Reason)+": "+v.Detail)
	} else {
		g.breaker.noteLate(now, o, d.ID, string(v.Reason)+": "+v.Detail)
	}
	if before == closed && g.breaker.phase != closed {
		g.holds.pauses.WithLabelValues(string(v.Reason)).Inc()
	}
	g.publish(before)
	if v.Result != deliver.Nack {
		return false
	}
	switch g.breaker.says(o, d.ID, d.DeliveryAttempt) {
	case gone, failing:
		return true
	case broken: // What broke its connection may break the target: it is tried again only where others failed too.
		return before != closed || g.breaker.phase != closed
	case neutral, alive, unreachable:
	}
	return false
}

// suspend waits until it is known what a message's failure says. It reports true when the target is away, and the message is to
// be held and tried again; false when it failed by itself, as others work or nothing was decided in time.
func (g *gate) suspend(working context.Context) bool {
	g.slots.rest(1)
	defer g.slots.rest(-1)
	timer := time.NewTimer(suspense)
	defer timer.Stop()
	for end := time.Now().Add(suspense); ; {
		g.mu.Lock()
		decided := g.breaker.phase != closed || g.breaker.calm()
		if !decided && working.Err() == nil && time.Now().Before(end) {
			g.waitForChange(working, timer.C)
			g.mu.Unlock()
			continue
		}
		away := g.breaker.phase != closed
		g.mu.Unlock()
		return away && working.Err() == nil
	}
}

// publish makes it known when the breaker's phase is not what it was before. The lock is held.
func (g *gate) publish(before phase) {
	calm := g.breaker.calm()
	if g.breaker.phase == before {
		if calm && !g.calm.Swap(calm) {
			g.lookAgain() // Those in suspense failed by themselves.
		}
		g.calm.Store(calm)
		return
	}
	g.calm.Store(calm)
	g.show()
	g.lookAgain()
	g.tell(before)
}

// show makes a new state of the breaker's phase.
func (g *gate) show() {
	state, paused := (g.state.Load()>>1+1)<<1, 1.0
	if g.breaker.phase == closed {
		state, paused = state+1, 0
	}
	g.state.Store(state)
	g.holds.paused.Set(paused)
}

// tell logs that messages are held back, and that they are not any more.
func (g *gate) tell(before phase) {
	switch {
	case before == closed:
		g.left, g.said = time.Now(), true
		g.log.Warn("the target does not take messages: they are held back", zap.String("cause", g.breaker.cause))
	case g.breaker.phase == closed && g.said:
		g.said = false
		g.log.Info("the target takes messages", zap.Duration("after", time.Since(g.left).Round(time.Millisecond)))
	}
}

// lookAgain lets everybody who waits, and run, look at the state again. The lock is held.
func (g *gate) lookAgain() {
	close(g.changed)
	g.changed = make(chan struct{})
	notify(g.wake)
}

// forgo gives a pass back that was not used.
func (g *gate) forgo(p pass, d *pull.Delivery) {
	g.leave(p, d, deliver.Verdict{Reason: deliver.Shutdown}, time.Now())
}

// notify sends without waiting: one signal that is not taken yet is enough.
func notify(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run checks the target, pauses receiving and gives back what is held too long, until ctx is done.
func (g *gate) run(ctx context.Context) {
	if g.check == nil {
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.wake:
		case <-timer.C:
		}
		next, check := g.step(time.Now())
		if check {
			g.checked(ctx)
			next = 0
		}
		timer.Reset(next)
	}
}

// suspense is how long a message that failed waits for what others say.
const suspense = time.Second

// idle is how long run waits when nothing is to be done; it is woken before.
const idle = time.Minute

// step gives back what is held too long at now and pauses or resumes receiving. It returns how long it is until the next one,
// and whether the target is to be checked first.
func (g *gate) step(now time.Time) (next time.Duration, check bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	next = idle
	if !g.until.IsZero() {
		if left := g.until.Sub(now); left > 0 {
			next = left
		} else {
			g.round++
			g.stale = g.paused
			g.breaker.rounds++
			g.log.Warn("messages have been held for too long: they are given back", zap.Int("messages", g.held), zap.String("cause", g.breaker.cause))
			g.until = time.Time{} // Set anew by the next who waits.
			g.lookAgain()
		}
	}
	// During a trial there is no need for more as long as something is held that has not been tried.
	phase := g.breaker.phase
	g.setPaused(phase == opened || phase == trial && g.paused && (g.tries[0] > 0 || g.busy))
	if phase != opened {
		return next, false
	}
	left := g.breaker.due.Sub(now)
	return min(next, left), left <= 0
}

// setPaused tells receiving. The lock is held, but in newGate.
func (g *gate) setPaused(paused bool) {
	if paused != g.paused {
		g.paused, g.stale = paused, false
		g.pause(paused)
	}
}

func (g *gate) checked(ctx context.Context) {
	err := g.check(ctx)
	if ctx.Err() != nil {
		return
	}
	result := "ok"
	if err != nil {
		result = "failed"
	}
	g.holds.checks.WithLabelValues(result).Inc()
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil && !g.said {
		g.said = true
		g.log.Warn("the target does not answer yet: nothing is received", zap.Error(err))
	}
	before := g.breaker.phase
	g.breaker.checked(time.Now(), err)
	g.publish(before)
}

// holding returns nil while every message is let through, else why not.
func (g *gate) holding() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch g.breaker.phase {
	case opened:
		return fmt.Errorf("the target does not take messages: %s", g.breaker.cause)
	case trial:
		return fmt.Errorf("the target is tried with one message at a time: %s", g.breaker.cause)
	case closed:
	}
	return nil
}

// pausing says whether receiving is paused.
func (g *gate) pausing() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.paused
}

// ready returns nil while the target may take messages, else why not.
func (g *gate) ready() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.breaker.phase != opened {
		return nil
	}
	return fmt.Errorf("it does not take messages: %s", g.breaker.cause)
}
