package consume

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"spillway/internal/backlog"
	"spillway/internal/deliver"
	"spillway/internal/pull"
)

func TestMain(m *testing.M) {
	// The Pub/Sub client's OpenCensus starts a worker when it is imported, for the life of the process.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"))
}

// script lends the messages 1 to n at once and waits, as a receiver must, until all are settled.
type script struct {
	n     int
	fresh bool // every message is at its first delivery attempt; otherwise at that of its ID
	mu    sync.Mutex
	acked map[string]bool // by message ID; absent while not settled
}

func (s *script) Run(ctx, _ context.Context, handle func(*pull.Delivery) pull.Fate) error {
	var open, calls sync.WaitGroup
	for i := range s.n {
		id := strconv.Itoa(i + 1)
		open.Add(1)
		settle := func(ack bool) {
			s.mu.Lock()
			s.acked[id] = ack
			s.mu.Unlock()
			open.Done()
		}
		attempt := i + 1
		if s.fresh {
			attempt = 1
		}
		d := pull.NewDelivery(backlog.Message{ID: id, Data: []byte("x"), PublishTime: time.Now(), DeliveryAttempt: attempt}, settle)
		calls.Go(func() { d.Settle(handle(d)) })
	}
	<-ctx.Done()
	calls.Wait()
	open.Wait()
	return nil
}

func (s *script) count(ack bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.acked {
		if a == ack {
			n++
		}
	}
	return n
}

// handlerFunc is a handler made of a function.
type handlerFunc func(ctx context.Context, m *backlog.Message) deliver.Verdict

func (f handlerFunc) Handle(ctx context.Context, m *backlog.Message) deliver.Verdict {
	return f(ctx, m)
}

// works takes d and acks, or nacks when it is cancelled.
func works(d time.Duration) handlerFunc { return deliver.Work{Duration: d}.Handle }

func always(v deliver.Verdict) handlerFunc {
	return func(context.Context, *backlog.Message) deliver.Verdict { return v }
}

type bench struct {
	*flow
	source *script
	reg    *prometheus.Registry
}

func newBench(n, concurrency int, h deliver.Handler) *bench {
	reg := prometheus.NewRegistry()
	slots := newSlots(concurrency)
	m := newMetrics(reg, "offers", slots, nil)
	s := &script{n: n, acked: map[string]bool{}}
	return &bench{source: s, reg: reg, flow: &flow{
		receiver: s, handler: h, drain: 30 * time.Second, gate: newTestGate(nil, nil),
		slots: slots, lot: newLot(allowance(concurrency), m.parked),
		watch: &watch{limit: time.Minute, stuck: m.stuck}, metrics: m, log: zap.NewNop(), rarely: zap.NewNop(),
	}}
}

// runFor runs the flow, stops it after d, and returns how long the stop took.
func (b *bench) runFor(t *testing.T, d time.Duration) time.Duration {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.run(ctx) }()
	time.Sleep(d)
	cancel()
	begin := time.Now()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return time.Since(begin)
}

// expectSettled compares pubsub_worker_messages_settled_total, zeros left out.
func (b *bench) expectSettled(t *testing.T, want map[string]float64) {
	t.Helper()
	got := map[string]float64{}
	families, err := b.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "pubsub_worker_messages_settled_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			var words []string
			for _, l := range m.GetLabel() {
				if l.GetName() != "subscription" {
					words = append(words, l.GetValue())
				}
			}
			if v := m.GetCounter().GetValue(); v > 0 {
				got[strings.Join(words, " ")] = v // reason, result
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settled (-want +got):\n%s", diff)
	}
	for name, g := range map[string]prometheus.Gauge{
		"parked": b.metrics.parked, "draining": b.metrics.draining, "stuck": b.metrics.stuck,
	} {
		if v := testutil.ToFloat64(g); v != 0 {
			t.Errorf("%s is %v at the end", name, v)
		}
	}
	if n := b.slots.held(); n != 0 {
		t.Errorf("%d slots are held at the end", n)
	}
}

func TestAMessageIsSettledByItsVerdict(t *testing.T) {
	tests := []struct {
		name    string
		handler handlerFunc
		ack     bool
		want    map[string]float64
	}{
		{"ack", always(deliver.Verdict{Result: deliver.Ack, Reason: deliver.OK}), true, map[string]float64{"ok ack": 1}},
		{"nack", always(deliver.Verdict{Result: deliver.Nack, Reason: deliver.Error}), false, map[string]float64{"error nack": 1}},
		{"drop", always(deliver.Verdict{Result: deliver.Drop, Reason: deliver.Error}), true, map[string]float64{"error drop": 1}},
		{"dead letter without a topic", always(deliver.Verdict{Result: deliver.DeadLetter, Reason: deliver.Error}), false, map[string]float64{"error nack": 1}},
		{"no verdict", always(deliver.Verdict{}), false, map[string]float64{"error nack": 1}},
		{"panic", func(context.Context, *backlog.Message) deliver.Verdict { panic("poison") }, false, map[string]float64{"panic nack": 1}},
		{"timeout", works(time.Hour), false, map[string]float64{"timeout nack": 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(1, 1, tt.handler)
				b.runFor(t, 2*time.Minute)
				if b.source.count(tt.ack) != 1 {
					t.Errorf("acked: %v", b.source.acked)
				}
				b.expectSettled(t, tt.want)
			})
		})
	}
}

// letters is a dead-letter topic in memory.
type letters struct {
	err  error
	kept []string
}

func (l *letters) Publish(_ context.Context, m *backlog.Message, reason string) error {
	if l.err == nil {
		l.kept = append(l.kept, m.ID+": "+reason)
	}
	return l.err
}

func TestADeadLetterIsAckedOnlyWhenItIsKept(t *testing.T) {
	dead := always(deliver.Verdict{Result: deliver.DeadLetter, Reason: deliver.Error, Detail: "no price"})
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(1, 1, dead), &letters{}
		b.letters = l
		b.runFor(t, time.Second)
		if !b.source.acked["1"] || len(l.kept) != 1 || l.kept[0] != "1: no price" {
			t.Errorf("acked %v, kept %v", b.source.acked, l.kept)
		}
		b.expectSettled(t, map[string]float64{"error dead_letter": 1})
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1, 1, dead)
		b.letters = &letters{err: errors.New("unavailable")}
		b.runFor(t, time.Second)
		if b.source.acked["1"] {
			t.Error("acked without being kept")
		}
		b.expectSettled(t, map[string]float64{"error nack": 1})
	})
}

func TestDrain(t *testing.T) {
	t.Run("what was received is worked off, the waiting ones too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(11, 10, works(10*time.Second))
			took := b.runFor(t, time.Second)
			if b.source.count(true) != 11 || took != 19*time.Second {
				t.Errorf("%d acked after %s", b.source.count(true), took)
			}
			b.expectSettled(t, map[string]float64{"ok ack": 11})
		})
	})
	t.Run("at the limit the running are cancelled and nacked with those that never started", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(12, 10, works(50*time.Second))
			took := b.runFor(t, time.Second)
			if b.source.count(false) != 12 || took != 30*time.Second {
				t.Errorf("%d nacked after %s", b.source.count(false), took)
			}
			b.expectSettled(t, map[string]float64{"shutdown nack": 10}) // Two were never given to the handler.
		})
	})
	t.Run("a handler's context outlives the receiving", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var atStop error
			b := newBench(1, 1, handlerFunc(func(ctx context.Context, _ *backlog.Message) deliver.Verdict {
				time.Sleep(10 * time.Second)
				atStop = ctx.Err()
				return deliver.Verdict{Result: deliver.Ack, Reason: deliver.OK}
			}))
			b.runFor(t, 5*time.Second)
			if atStop != nil {
				t.Errorf("the handler's context ended with %v", atStop)
			}
		})
	})
	t.Run("parked messages are given back at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(1, 10, always(deliver.Verdict{Result: deliver.DelayedNack, Reason: deliver.Error, Delay: 10 * time.Minute}))
			if took := b.runFor(t, time.Second); took != 0 || b.source.count(false) != 1 {
				t.Errorf("%d nacked after %s", b.source.count(false), took)
			}
			b.expectSettled(t, map[string]float64{"error delayed_nack": 1})
		})
	})
}

// deaf ignores its context for d.
func deaf(d time.Duration) handlerFunc {
	return func(context.Context, *backlog.Message) deliver.Verdict {
		time.Sleep(d)
		return deliver.Verdict{Result: deliver.Ack, Reason: deliver.OK}
	}
}

func TestAHandlerThatIgnoresItsContextLosesItsMessage(t *testing.T) {
	t.Run("some time after its time-out", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(1, 10, deaf(10*time.Minute))
			go func() {
				time.Sleep(89 * time.Second)
				if n := b.source.count(false); n != 0 {
					t.Error("the margin after the time-out is its own")
				}
				time.Sleep(3 * time.Second)
				if n := b.source.count(false); n != 1 || testutil.ToFloat64(b.metrics.stuck) != 1 {
					t.Errorf("%d nacked, %v stuck", n, testutil.ToFloat64(b.metrics.stuck))
				}
			}()
			b.runFor(t, 11*time.Minute)
			b.expectSettled(t, map[string]float64{"timeout nack": 1}) // What it says in the end counts for nothing.
		})
	})
	t.Run("at the drain limit", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(1, 10, deaf(time.Minute))
			go func() {
				time.Sleep(1*time.Second + b.drain + ackFlush - time.Millisecond)
				if n := b.source.count(false); n != 1 {
					t.Errorf("%d nacked before the flow is waited for no longer", n)
				}
			}()
			b.runFor(t, time.Second)
			b.expectSettled(t, map[string]float64{"shutdown nack": 1})
		})
	})
}

func TestWithoutADrainLimitEverythingIsGivenBackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(12, 10, works(50*time.Second))
		b.drain = 0
		if took := b.runFor(t, time.Second); b.source.count(false) != 12 || took != 0 {
			t.Errorf("%d nacked after %s", b.source.count(false), took)
		}
		b.expectSettled(t, map[string]float64{"shutdown nack": 10})
	})
}

func TestADelayedNackFreesTheSlotAndKeepsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handled []time.Duration
		begin := time.Now()
		b := newBench(3, 1, handlerFunc(func(context.Context, *backlog.Message) deliver.Verdict {
			handled = append(handled, time.Since(begin))
			return deliver.Verdict{Result: deliver.DelayedNack, Reason: deliver.Error, Delay: 20 * time.Second}
		}))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.run(ctx) }()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		// One slot, and all three were handled at once: the first is parked, the lot of one is then full.
		if len(handled) != 3 || b.source.count(false) != 2 || testutil.ToFloat64(b.metrics.parked) != 1 {
			t.Errorf("handled %v, nacked %d", handled, b.source.count(false))
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if b.source.count(false) != 3 {
			t.Errorf("the parked message was not nacked when it was due")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		b.expectSettled(t, map[string]float64{"error delayed_nack": 1, "error nack": 2})
	})
}

func TestNacksAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		b := newBench(1000, 10, always(deliver.Verdict{Result: deliver.Nack, Reason: deliver.Error, Detail: "503"}))
		b.log = zap.New(core)
		b.rarely = sampled(b.log)
		b.runFor(t, time.Second)
		got := logs.FilterField(zap.String("detail", "503")).All()
		if len(got) != 1 || got[0].Level != zap.WarnLevel {
			t.Errorf("1000 nacks were logged as %v", got)
		}
	})
}

func TestPanicsAreLoggedWithTheirStackOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		b := newBench(100, 10, handlerFunc(func(context.Context, *backlog.Message) deliver.Verdict { panic("poison") }))
		b.log = zap.New(core)
		b.rarely = sampled(b.log)
		b.runFor(t, time.Second)
		got := logs.FilterField(zap.Any("panic", "poison")).All()
		if len(got) != 1 || got[0].Level != zap.ErrorLevel || !strings.Contains(fmt.Sprint(got[0].ContextMap()["stack_trace"]), "TestPanicsAreLogged") {
			t.Errorf("100 panics were logged as %v", got)
		}
		b.expectSettled(t, map[string]float64{"panic nack": 100})
	})
}

func TestADrainIsLoggedAtItsBeginningAndItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		b := newBench(1, 1, works(5*time.Second))
		b.log = zap.New(core)
		b.runFor(t, time.Second)
		if logs.FilterMessage("draining").Len() != 1 || logs.FilterMessage("drained").FilterField(zap.Duration("after", 4*time.Second)).Len() != 1 {
			t.Errorf("the drain was logged as %v", logs.All())
		}
	})
}
