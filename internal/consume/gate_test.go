package consume

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"spillway/internal/backlog"
	"spillway/internal/deliver"
	"spillway/internal/pull"
)

// gateBench runs a gate whose target is well or not as the test says.
type gateBench struct {
	*gate
	t       *testing.T
	working context.Context
	stop    func()

	mu     sync.Mutex
	down   error // what checks say
	looks  int   // checks
	paused bool  // what receiving was told
	told   int   // how often
	ended  int   // messages
}

// startGate starts a gate that has found its target well.
func startGate(t *testing.T) *gateBench {
	t.Helper()
	b := newGateBench(t)
	b.start()
	synctest.Wait()
	if b.breaker.phase != closed {
		t.Fatal("the first check did not close the gate's breaker")
	}
	return b
}

func newGateBench(t *testing.T) *gateBench {
	t.Helper()
	b := &gateBench{t: t}
	ctx, cancel := context.WithCancel(context.Background())
	b.working = ctx
	b.gate = newTestGate(func(context.Context) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.looks++
		return b.down
	}, func(paused bool) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.paused = paused
		b.told++
	})
	b.stop = cancel
	return b
}

func newTestGate(check func(context.Context) error, pause func(bool)) *gate {
	h := newHolds(promauto.With(prometheus.NewRegistry()))
	return newGate(&gate{check: check, pause: pause, hold: time.Minute, slots: newSlots(100), holds: &h, log: zap.NewNop()})
}

func (b *gateBench) start() {
	done := make(chan struct{})
	go func() { b.run(b.working); close(done) }()
	cancel := b.stop
	b.stop = func() { cancel(); <-done }
	b.t.Cleanup(func() { b.stop() })
}

func (b *gateBench) set(down error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

func (b *gateBench) isPaused() bool {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.paused
}

func message(id string) *pull.Delivery {
	return pull.NewDelivery(backlog.Message{ID: id}, func(bool) {})
}

// arrival is a message at the gate.
type arrival struct {
	pass pass
	ok   bool
	done chan struct{}
}

// arrive lets n messages come to the gate.
func (b *gateBench) arrive(n int) []*arrival {
	all := make([]*arrival, n)
	for i := range all {
		all[i] = &arrival{done: make(chan struct{})}
		go func() {
			defer close(all[i].done)
			all[i].pass, all[i].ok = b.enter(b.working, 0)
		}()
	}
	synctest.Wait()
	return all
}

// through says how many of the arrivals may be handled, and how many were given back.
func through(all []*arrival) (handled, back int) {
	synctest.Wait()
	for _, a := range all {
		select {
		case <-a.done:
			if a.ok {
				handled++
			} else {
				back++
			}
		default:
		}
	}
	return handled, back
}

func (b *gateBench) expect(all []*arrival, handled, back int) {
	b.t.Helper()
	if h, k := through(all); h != handled || k != back {
		b.t.Errorf("of %d, %d are handled and %d given back; want %d and %d", len(all), h, k, handled, back)
	}
	if got := int(testutil.ToFloat64(b.holds.target)); got != len(all)-handled-back {
		b.t.Errorf("%d are held, the gauge says %d", len(all)-handled-back, got)
	}
}

// end lets a message that may be handled end.
func (b *gateBench) end(p pass, reason deliver.Reason) {
	b.ended++
	b.leave(p, message("m"+strconv.Itoa(b.ended)), deliver.Verdict{Reason: reason, Detail: "detail"}, time.Now())
	synctest.Wait()
}

func (b *gateBench) fail(reason deliver.Reason, n int) {
	p, _ := b.enter(b.working, 0)
	for range n {
		b.end(p, reason)
	}
}

func TestNothingIsReceivedBeforeTheTargetAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newGateBench(t)
		core, logs := observer.New(zap.InfoLevel)
		b.log = zap.New(core)
		if !b.isPaused() || b.ready() == nil {
			t.Error("receiving is not paused from the start")
		}
		b.set(errors.New("connection refused"))
		b.start()
		time.Sleep(10 * time.Second)
		if !b.isPaused() || b.ready() == nil || !strings.Contains(b.ready().Error(), "connection refused") {
			t.Errorf("ready: %v", b.ready())
		}
		if b.looks < 10 || b.looks > 12 {
			t.Errorf("%d checks in 10 s", b.looks)
		}
		waits := b.arrive(5)
		b.expect(waits, 0, 0)
		b.set(nil)
		time.Sleep(checkPause)
		b.expect(waits, 5, 0)
		if logs.FilterMessage("the target does not answer yet: nothing is received").Len() != 1 || logs.Len() != 2 {
			t.Errorf("logged %v", logs.All())
		}
		if b.isPaused() || b.ready() != nil || testutil.ToFloat64(b.holds.paused) != 0 {
			t.Errorf("paused %t, ready %v", b.isPaused(), b.ready())
		}
	})
}

func TestAnOpenBreakerHoldsMessagesUntilTheTargetIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startGate(t)
		b.set(errors.New("connection refused"))
		b.fail(deliver.Unreachable, 1)
		if !b.isPaused() || b.ready() == nil || testutil.ToFloat64(b.holds.paused) != 1 {
			t.Errorf("paused %t, ready %v", b.isPaused(), b.ready())
		}
		held := b.arrive(10)
		time.Sleep(30 * time.Second)
		b.expect(held, 0, 0)
		b.set(nil)
		time.Sleep(checkPause)
		b.expect(held, 10, 0)
		if b.isPaused() || b.told != 4 {
			t.Errorf("paused %t, told %d times", b.isPaused(), b.told)
		}
		if n := testutil.ToFloat64(b.holds.pauses.WithLabelValues(string(deliver.Unreachable))); n != 1 {
			t.Errorf("%v pauses", n)
		}
	})
}

func TestOneMessageAtATimeIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startGate(t)
		time.Sleep(time.Minute)
		b.fail(deliver.Unavailable, 2)
		held := b.arrive(10)
		time.Sleep(firstBackoff)
		b.expect(held, 1, 0)
		if !b.isPaused() {
			t.Error("more are received although some are held")
		}
		b.end(b.next(held), deliver.Unavailable)
		b.expect(held, 1, 0)
		time.Sleep(2 * firstBackoff)
		b.expect(held, 2, 0)
		b.end(b.next(held), deliver.Panic) // It says nothing of the target: the next one, at once.
		b.expect(held, 3, 0)
		b.end(b.next(held), deliver.OK)
		b.expect(held, 10, 0)
		if b.isPaused() {
			t.Error("receiving is still paused")
		}
	})
}

// next returns the pass of the message that is tried now.
func (b *gateBench) next(all []*arrival) pass {
	b.t.Helper()
	for _, a := range all {
		select {
		case <-a.done:
			if a.pass.trial {
				p := a.pass
				a.pass.trial = false // Each is tried once.
				return p
			}
		default:
		}
	}
	b.t.Fatal("none is tried")
	return pass{}
}

func TestReceivingGoesOnWhenNothingIsThereToTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startGate(t)
		time.Sleep(time.Minute)
		b.fail(deliver.Unavailable, 2)
		time.Sleep(firstBackoff)
		if b.isPaused() {
			t.Error("nothing is held, and nothing is received")
		}
		first := b.arrive(1)
		b.expect(first, 1, 0)
		second := b.arrive(1)
		b.expect(second, 0, 0)
		if b.isPaused() {
			t.Error("a trial that has begun without messages pauses again")
		}
		b.end(first[0].pass, deliver.OK)
		b.expect(second, 1, 0)
	})
}

func TestWhatIsHeldTooLongIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startGate(t)
		b.set(errors.New("connection refused"))
		b.fail(deliver.Unreachable, 1)
		first := b.arrive(3)
		time.Sleep(time.Minute - time.Millisecond)
		b.expect(first, 0, 0)
		time.Sleep(time.Millisecond)
		b.expect(first, 0, 3)
		b.expect(b.arrive(3), 0, 3) // They were received before the pause, and have waited as long.
	})
}

func TestWhatIsReceivedForTheTrialIsHeldLongerInTheNextRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startGate(t)
		time.Sleep(time.Minute)
		b.fail(deliver.Unavailable, 2)
		b.set(errors.New("connection refused"))
		first := b.arrive(3)
		time.Sleep(time.Minute)
		b.expect(first, 0, 3)
		b.set(nil)
		time.Sleep(checkPause)
		if b.isPaused() {
			t.Fatal("nothing is received for the trial")
		}
		second := b.arrive(3)
		time.Sleep(2*time.Minute - time.Millisecond) // The one that is tried hangs.
		b.expect(second, 1, 0)
		time.Sleep(time.Millisecond)
		b.expect(second, 1, 2)
	})
}

func TestTheEndOfWorkingGivesEverythingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startGate(t)
		b.set(errors.New("connection refused"))
		b.fail(deliver.Unreachable, 1)
		held := b.arrive(3)
		b.stop()
		b.expect(held, 0, 3)
	})
}

func TestAPassThatIsNotUsedLetsTheNextOneTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startGate(t)
		time.Sleep(time.Minute)
		b.fail(deliver.Unavailable, 2)
		held := b.arrive(2)
		time.Sleep(firstBackoff)
		b.expect(held, 1, 0)
		b.forgo(b.next(held), message("m"))
		b.expect(held, 2, 0)
	})
}

func TestAPassIsGoodUntilThePhaseChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startGate(t)
		p, _ := b.enter(b.working, 0)
		if !b.open(p) {
			t.Error("a new pass is no good")
		}
		b.fail(deliver.Unreachable, 1)
		if b.open(p) {
			t.Error("it is good although nothing is to be handled")
		}
		time.Sleep(firstBackoff) // The target is well.
		if b.open(p) {
			t.Error("it is good again")
		}
	})
}

func TestASuccessIsNotedWithoutTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startGate(t)
		b.mu.Lock()
		defer b.mu.Unlock()
		for range 100 {
			p, ok := b.enter(b.working, 0)
			if !ok || !b.open(p) {
				t.Fatal("an open gate is closed")
			}
			b.leave(p, message("m"), deliver.Verdict{Reason: deliver.OK}, time.Now())
		}
	})
}

func TestALateSuccessCountsFromItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startGate(t)
		time.Sleep(time.Minute)
		p, _ := b.enter(b.working, 0)
		b.end(p, deliver.OK)
		b.fail(deliver.Unavailable, 9) // Just after a success it takes ten.
		if b.breaker.phase != closed {
			t.Error("the success was not noted")
		}
		b.fail(deliver.Unavailable, 1)
		if b.breaker.phase != opened {
			t.Error("ten did not open it")
		}
	})
}

func TestAGateWithoutACheckIsAlwaysOpen(t *testing.T) {
	g := newTestGate(nil, func(bool) { t.Error("receiving was paused") })
	g.run(t.Context())
	for range 100 {
		p, ok := g.enter(t.Context(), 0)
		if !ok {
			t.Fatal("it is closed")
		}
		g.leave(p, message("m"), deliver.Verdict{Reason: deliver.Unavailable}, time.Now())
	}
	if g.ready() != nil {
		t.Error(g.ready())
	}
}

func BenchmarkGate(b *testing.B) {
	g := newTestGate(func(context.Context) error { return nil }, func(bool) {})
	g.checked(b.Context())
	d, v, now := message("m"), deliver.Verdict{Reason: deliver.OK}, time.Now()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p, ok := g.enter(b.Context(), 0)
			if !ok || !g.open(p) {
				b.Fatal("closed")
			}
			g.leave(p, d, v, now)
		}
	})
}

func TestAFailureIsInDoubtUntilOthersTell(t *testing.T) {
	suspend := func(b *gateBench, reason deliver.Reason) <-chan bool {
		p, _ := b.enter(b.working, 0)
		b.ended++
		doubt := b.leave(p, message("m"+strconv.Itoa(b.ended)), deliver.Verdict{Result: deliver.Nack, Reason: reason}, time.Now())
		again := make(chan bool, 1)
		if !doubt {
			again <- false
			return again
		}
		go func() { again <- b.suspend(b.working) }()
		synctest.Wait()
		return again
	}
	decided := func(again <-chan bool) string {
		synctest.Wait()
		select {
		case yes := <-again:
			if yes {
				return "again"
			}
			return "nack"
		default:
			return "in doubt"
		}
	}
	expect := func(t *testing.T, what string, again <-chan bool, want string) {
		t.Helper()
		if got := decided(again); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	t.Run("another one works", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := startGate(t)
			again := suspend(b, deliver.Status5xx)
			if b.slots.held() != -1 { // It has no slot here.
				t.Error("a message in suspense is in flight")
			}
			if got := decided(again); got != "in doubt" {
				t.Errorf("at once: %s", got)
			}
			again = suspend(b, deliver.Status5xx)
			b.fail(deliver.OK, 1)
			expect(t, "after a success", again, "nack")
		})
	})
	t.Run("nobody tells", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := startGate(t)
			again := suspend(b, deliver.Unavailable)
			time.Sleep(suspense)
			expect(t, "after its time", again, "nack")
		})
	})
	t.Run("others fail too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := startGate(t)
			var all []<-chan bool
			for range downInRow {
				all = append(all, suspend(b, deliver.Unavailable))
			}
			for _, again := range all {
				expect(t, "with the breaker open", again, "again")
			}
		})
	})
	t.Run("a broken connection alone may be the message's doing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := startGate(t)
			expect(t, "at once", suspend(b, deliver.Connection), "nack")
		})
	})
	t.Run("a stop", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := startGate(t)
			again := suspend(b, deliver.Unavailable)
			b.stop()
			expect(t, "after the end of working", again, "nack")
		})
	})
	t.Run("an answer that is no failure of the target", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := startGate(t)
			for _, reason := range []deliver.Reason{deliver.Status4xx, deliver.Panic, deliver.Error, deliver.Shutdown} {
				expect(t, string(reason), suspend(b, reason), "nack")
			}
		})
	})
}

func TestTheLeastTriedIsTriedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startGate(t)
		time.Sleep(time.Minute)
		b.fail(deliver.Unavailable, 2)
		var order []int
		var mu sync.Mutex
		for _, tries := range []int{3, 1, 0, 2, manyTries + 5} {
			go func() {
				p, ok := b.enter(b.working, tries)
				if !ok {
					return
				}
				mu.Lock()
				order = append(order, tries)
				mu.Unlock()
				b.forgo(p, message("m"))
			}()
		}
		synctest.Wait()
		time.Sleep(firstBackoff)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if diff := cmp.Diff([]int{0, 1, 2, 3, manyTries + 5}, order); diff != "" {
			t.Error(diff)
		}
	})
}
