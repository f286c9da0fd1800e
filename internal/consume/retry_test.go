package consume

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

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
