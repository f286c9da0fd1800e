package consume

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/backlog"
	"spillway/internal/deliver"
	"spillway/internal/push"
)

// pushed runs a flow that is only pushed, in a bubble, hands it to act, and stops it; it returns how long the stop took.
func pushed(t *testing.T, concurrency int, h deliver.Handler, act func(t *testing.T, b *bench)) (b *bench, stop time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b = newBench(0, concurrency, h)
		b.receiver = nil
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.run(ctx) }()
		synctest.Wait()
		act(t, b)
		begin := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		stop = time.Since(begin)
	})
	return b, stop
}

func numbered(i int) *backlog.Message {
	return &backlog.Message{ID: strconv.Itoa(i), Data: []byte("x"), PublishTime: time.Now()}
}

func TestAPushIsAnsweredByTheVerdict(t *testing.T) {
	delayed := deliver.Verdict{Result: deliver.DelayedNack, Reason: deliver.Unavailable, Delay: 7 * time.Second}
	tests := []struct {
		name    string
		handler handlerFunc
		letters deadLetters
		want    push.Outcome
		settled string // reason and result, as counted
	}{
		{"ack", always(deliver.Verdict{Result: deliver.Ack, Reason: deliver.OK}), nil, push.Outcome{Fate: push.Done}, "ok ack"},
		{"drop", always(deliver.Verdict{Result: deliver.Drop, Reason: deliver.Asked}), nil, push.Outcome{Fate: push.Done}, "verdict drop"},
		{"nack", always(deliver.Verdict{Result: deliver.Nack, Reason: deliver.Status5xx}), nil, push.Outcome{Fate: push.Failed}, "status_5xx nack"},
		{"a delayed nack is the sender's to delay", always(delayed), nil, push.Outcome{Fate: push.Delayed, Delay: 7 * time.Second}, "unavailable delayed_nack"},
		{"a time-out", works(time.Hour), nil, push.Outcome{Fate: push.Late}, "timeout nack"},
		{"a panic", func(context.Context, *backlog.Message) deliver.Verdict { panic("poison") }, nil, push.Outcome{Fate: push.Failed}, "panic nack"},
		{"no verdict", always(deliver.Verdict{}), nil, push.Outcome{Fate: push.Failed}, "error nack"},
		{"a dead letter that is kept", always(deliver.Verdict{Result: deliver.DeadLetter, Reason: deliver.Asked}), keeps{}, push.Outcome{Fate: push.Done}, "verdict dead_letter"},
		{"a dead letter that is not kept", always(deliver.Verdict{Result: deliver.DeadLetter, Reason: deliver.Asked}), keeps{errors.New("no topic")}, push.Outcome{Fate: push.Failed}, "verdict nack"},
		{"a dead letter without a topic", always(deliver.Verdict{Result: deliver.DeadLetter, Reason: deliver.Asked}), nil, push.Outcome{Fate: push.Failed}, "verdict nack"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, _ := pushed(t, 1, tt.handler, func(t *testing.T, b *bench) {
				t.Helper()
				b.letters = tt.letters
				if diff := cmp.Diff(tt.want, b.Submit(t.Context(), numbered(1))); diff != "" {
					t.Error(diff)
				}
				if n := b.slots.held(); n != 0 {
					t.Errorf("%d slots are held", n)
				}
			})
			b.expectSettled(t, map[string]float64{tt.settled: 1})
		})
	}
}

// keeps takes dead letters, or does not.
type keeps struct{ err error }

func (k keeps) Publish(context.Context, *backlog.Message, string) error { return k.err }

func TestPushesBeyondTheLimitAreTurnedAway(t *testing.T) {
	var running, most atomic.Int32
	h := handlerFunc(func(ctx context.Context, m *backlog.Message) deliver.Verdict {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		return works(time.Second)(ctx, m)
	})
	pushed(t, 10, h, func(t *testing.T, b *bench) {
		t.Helper()
		var group sync.WaitGroup
		var done, busy atomic.Int32
		for i := range 20 {
			group.Go(func() {
				switch b.Submit(t.Context(), numbered(i)).Fate {
				case push.Done:
					done.Add(1)
				case push.Busy:
					busy.Add(1)
				default:
				}
			})
		}
		group.Wait()
		if done.Load() != 11 || busy.Load() != 9 { // 10 slots, and an allowance of 1 that waits.
			t.Errorf("%d were handled and %d turned away", done.Load(), busy.Load())
		}
		if most.Load() != 10 {
			t.Errorf("%d ran at once", most.Load())
		}
	})
}

func TestPulledAndPushedMessagesShareTheSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1, 1, works(time.Second))
		go func() {
			time.Sleep(500 * time.Millisecond)
			begin := time.Now()
			if o := b.Submit(t.Context(), numbered(2)); o.Fate != push.Done || time.Since(begin) != 1500*time.Millisecond {
				t.Errorf("the pushed message: %+v after %s", o, time.Since(begin))
			}
		}()
		b.runFor(t, 3*time.Second)
		b.expectSettled(t, map[string]float64{"ok ack": 2})
	})
}

func TestAStoppingFlowTakesNoPushesAndEndsThoseItHas(t *testing.T) {
	b, stop := pushed(t, 2, works(10*time.Second), func(t *testing.T, b *bench) {
		t.Helper()
		go func() {
			if o := b.Submit(t.Context(), numbered(1)); o.Fate != push.Done {
				t.Errorf("what ran at the stop: %+v", o)
			}
		}()
		go func() {
			time.Sleep(time.Second)
			if o := b.Submit(t.Context(), numbered(2)); o.Fate != push.Stopping {
				t.Errorf("what came after the stop: %+v", o)
			}
		}()
		synctest.Wait()
	})
	if stop != 10*time.Second {
		t.Errorf("the stop took %s", stop)
	}
	b.expectSettled(t, map[string]float64{"ok ack": 1})
}

func TestPushesThatRunAtTheDrainLimitAreToldToComeAgain(t *testing.T) {
	b, stop := pushed(t, 1, works(50*time.Second), func(t *testing.T, b *bench) {
		t.Helper()
		for range 2 { // One runs, one waits for its slot.
			go func() {
				if o := b.Submit(t.Context(), numbered(1)); o.Fate != push.Stopping {
					t.Errorf("got %+v", o)
				}
			}()
		}
		synctest.Wait()
	})
	if stop != 30*time.Second {
		t.Errorf("the stop took %s", stop)
	}
	b.expectSettled(t, map[string]float64{"shutdown nack": 1})
}

func TestAPushWhoseHandlerIsStuckIsAnsweredAllTheSame(t *testing.T) {
	release := make(chan struct{})
	h := handlerFunc(func(context.Context, *backlog.Message) deliver.Verdict {
		<-release
		return deliver.Verdict{Result: deliver.Ack, Reason: deliver.OK}
	})
	synctest.Test(t, func(t *testing.T) {
		release = make(chan struct{})
		b := newBench(0, 1, h)
		b.receiver = nil
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.run(ctx) }()
		synctest.Wait()
		go func() {
			begin := time.Now()
			o := b.Submit(t.Context(), numbered(1))
			if took := time.Since(begin); o.Fate != push.Late || took < time.Minute+stuckMargin || took > time.Minute+stuckMargin+2*time.Second {
				t.Errorf("%+v after %s", o, took)
			}
		}()
		time.Sleep(2 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		close(release)
		synctest.Wait()
		b.expectSettled(t, map[string]float64{"timeout nack": 1})
	})
}

func TestAPushEndsWithItsRequest(t *testing.T) {
	broken := func(ctx context.Context, _ *backlog.Message) deliver.Verdict {
		<-ctx.Done()
		return deliver.Verdict{Result: deliver.Nack, Reason: deliver.Connection} // As a target says when its request is cancelled.
	}
	b, _ := pushed(t, 1, handlerFunc(broken), func(t *testing.T, b *bench) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if o := b.Submit(ctx, numbered(1)); o.Fate != push.Failed || time.Since(begin) != time.Second {
			t.Errorf("%+v after %s", o, time.Since(begin))
		}
		if n := b.slots.held(); n != 0 {
			t.Errorf("%d slots are held", n)
		}
	})
	b.expectSettled(t, map[string]float64{"abandoned nack": 1})
}

func TestSendersThatHangUpDoNotPauseTheTarget(t *testing.T) {
	broken := handlerFunc(func(ctx context.Context, _ *backlog.Message) deliver.Verdict {
		<-ctx.Done()
		return deliver.Verdict{Result: deliver.Nack, Reason: deliver.Connection}
	})
	pushed(t, 1, broken, func(t *testing.T, b *bench) {
		t.Helper()
		b.gate.check = func(context.Context) error { return nil }
		for i := range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if o := b.Submit(ctx, numbered(i)); o.Fate != push.Failed {
				t.Errorf("message %d: %+v", i, o)
			}
			cancel()
		}
		if err := b.gate.ready(); err != nil {
			t.Error(err)
		}
	})
}

func TestNothingIsTakenBeforeTheFlowRuns(t *testing.T) {
	if o := newBench(0, 1, works(0)).Submit(t.Context(), numbered(1)); o.Fate != push.Stopping {
		t.Errorf("got %+v", o)
	}
}
