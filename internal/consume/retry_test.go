package consume

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"spillway/internal/backlog"
	"spillway/internal/deliver"
)

// away is a target that is away for a time, and answers with a verdict meanwhile.
type away struct {
	until   time.Time
	verdict deliver.Verdict
	takes   time.Duration

	mu    sync.Mutex
	tries map[string]int
}

func (a *away) Handle(_ context.Context, m *backlog.Message) deliver.Verdict {
	time.Sleep(a.takes)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tries[m.ID]++
	if time.Now().Before(a.until) {
		return a.verdict
	}
	return deliver.Verdict{Result: deliver.Ack, Reason: deliver.OK}
}

// most is how often one message was tried.
func (a *away) most() (most int) {
	for _, n := range a.tries {
		most = max(most, n)
	}
	return most
}

// newAway runs n messages against a target that is away from the start.
func newAway(n, concurrency int, lasts time.Duration, v deliver.Verdict) (*bench, *away) {
	v.Result = deliver.Nack
	a := &away{until: time.Now().Add(lasts), verdict: v, takes: 10 * time.Millisecond, tries: map[string]int{}}
	b := newBench(n, concurrency, a)
	b.source.fresh = true
	b.gate = newTestGate(func(context.Context) error { return nil }, func(bool) {})
	b.gate.slots = b.slots
	return b, a
}

func TestAnOutageIsWaitedOutWithoutANack(t *testing.T) {
	tests := []struct {
		name        string
		verdict     deliver.Verdict
		concurrency int
		want        map[string]float64
		most        int // tries of one message
	}{
		{"no connection", deliver.Verdict{Reason: deliver.Unreachable, Unsent: true}, 30, map[string]float64{"ok ack": 30}, 10},
		{"503", deliver.Verdict{Reason: deliver.Unavailable}, 30, map[string]float64{"ok ack": 30}, 3},
		{"500", deliver.Verdict{Reason: deliver.Status5xx}, 30, map[string]float64{"ok ack": 30}, 3},
		{"time-outs", deliver.Verdict{Reason: deliver.Timeout}, 30, map[string]float64{"ok ack": 30}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lasts := 50 * time.Second
				if tt.verdict.Unsent {
					lasts = 3 * time.Second // The checks of this one see nothing: each costs a try.
				}
				b, a := newAway(30, tt.concurrency, lasts, tt.verdict)
				b.runFor(t, 2*time.Minute)
				if b.source.count(true) != 30 || a.most() > tt.most {
					t.Errorf("%d acked, one tried %d times", b.source.count(true), a.most())
				}
				b.expectSettled(t, tt.want)
			})
		})
	}
}

func TestAMessageThatTheTargetHasSeenTooOftenIsNacked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, a := newAway(12, 12, time.Hour, deliver.Verdict{Reason: deliver.Status5xx})
		b.gate.hold = time.Hour
		b.runFor(t, 10*time.Minute)
		if a.most() != manySeen || b.source.count(false) != 12 {
			t.Errorf("one was tried %d times, %d nacked", a.most(), b.source.count(false))
		}
		b.expectSettled(t, map[string]float64{"status_5xx nack": 12})
	})
}

func TestWhatIsGivenBackUntriedIsCountedApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, a := newAway(30, 20, time.Hour, deliver.Verdict{Reason: deliver.Unavailable})
		b.runFor(t, 5*time.Minute)
		tried, back := len(a.tries), int(testutil.ToFloat64(b.gate.holds.givenBack))
		if tried+back != 30 || back == 0 || b.source.count(false) != 30 {
			t.Errorf("%d tried and %d given back of 30, %d nacked", tried, back, b.source.count(false))
		}
		b.expectSettled(t, map[string]float64{"unavailable nack": float64(tried)})
	})
}

func TestAFewFailuresAmongSuccessesAreNackedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(100, 10, handlerFunc(func(_ context.Context, m *backlog.Message) deliver.Verdict {
			time.Sleep(10 * time.Millisecond)
			if m.ID == "7" || m.ID == "42" {
				return deliver.Verdict{Result: deliver.Nack, Reason: deliver.Status5xx}
			}
			return deliver.Verdict{Result: deliver.Ack, Reason: deliver.OK}
		}))
		b.gate = newTestGate(func(context.Context) error { return nil }, func(bool) {})
		b.gate.slots = b.slots
		b.runFor(t, 200*time.Millisecond)
		b.expectSettled(t, map[string]float64{"ok ack": 98, "status_5xx nack": 2})
	})
}

// newOutage runs n messages against a target to which a connection cannot be made any more.
func newOutage(n int) (*bench, *observer.ObservedLogs) {
	b, _ := newAway(n, n, 24*time.Hour, deliver.Verdict{Reason: deliver.Unreachable, Detail: "refused", Unsent: true})
	first := true
	b.gate = newTestGate(func(context.Context) error {
		if first {
			first = false
			return nil
		}
		return errors.New("refused")
	}, func(bool) {})
	core, logs := observer.New(zap.InfoLevel)
	b.log, b.gate.slots = zap.New(core), b.slots
	b.rarely, b.gate.log = sampled(b.log), b.log
	return b, logs
}

func TestWhatIsHeldIsNotSaidToBeNackedNorInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, logs := newOutage(5)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.run(ctx) }()
		time.Sleep(time.Minute) // A message takes a moment until it is held.
		synctest.Wait()
		b.expectSettled(t, map[string]float64{})
		if n := b.gauge(t, "pubsub_worker_messages_in_flight"); n != 0 || b.slots.resting.Load() != 5 {
			t.Errorf("%v in flight, %d held of 5", n, b.slots.resting.Load())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		b.expectSettled(t, map[string]float64{"unreachable nack": 5})
		back := logs.FilterMessageSnippet("held for too long: they are given back").All()
		if len(back) != 1 || back[0].ContextMap()["messages"] != int64(5) {
			t.Errorf("that they are given back is logged as %v", back)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if nacked := logs.FilterMessageSnippet("a message was nacked").All(); len(nacked) != 0 {
			t.Errorf("the log says more: %v", nacked)
		}
	})
}

func TestWhatIsHeldAtTheDrainLimitIsGivenBackBecauseOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, logs := newOutage(5)
		b.drain = 10 * time.Second
		b.runFor(t, 20*time.Second)
		b.expectSettled(t, map[string]float64{"shutdown nack": 5})
		limit := logs.FilterMessageSnippet("the drain limit is reached").All()
		if len(limit) != 1 || limit[0].ContextMap()["held"] != int64(5) || limit[0].ContextMap()["running"] != int64(0) {
			t.Errorf("the limit is logged as %v", limit)
		}
		if nacked := logs.FilterMessageSnippet("a message was nacked").All(); len(nacked) != 0 {
			t.Errorf("the log says more: %v", nacked)
		}
	})
}

func TestWhatWaitsForItsTurnIsNotInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(10, 10, works(time.Millisecond))
		b.rate = newRate(1, b.slots, b.metrics.holds.rate)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.run(ctx) }()
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if n, held := b.gauge(t, "pubsub_worker_messages_in_flight"), b.gauge(t, "pubsub_worker_held_messages"); n != 0 || held != 9 {
			t.Errorf("%v in flight and %v held of 9", n, held)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// gauge adds up a family's gauges.
func (b *bench) gauge(t *testing.T, name string) (sum float64) {
	t.Helper()
	families, err := b.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetGauge().GetValue()
			}
		}
	}
	return sum
}
