package consume

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"spillway/internal/pull"
)

func TestWatch(t *testing.T) {
	type key struct{}
	start := func(t *testing.T) (w *watch, parent context.Context, cancel func()) {
		t.Helper()
		parent, stop := context.WithCancelCause(context.WithValue(t.Context(), key{}, "value"))
		w = &watch{limit: time.Minute, stuck: prometheus.NewGauge(prometheus.GaugeOpts{})}
		done := make(chan struct{})
		go func() { w.run(parent); close(done) }()
		return w, parent, func() { stop(errDrainLimit); <-done }
	}
	t.Run("a handler is cancelled at its limit, each at its own", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, parent, cancel := start(t)
			defer cancel()
			begin := time.Now()
			first := w.begin(parent, &pull.Delivery{}, begin)
			time.Sleep(20 * time.Second)
			second := w.begin(parent, &pull.Delivery{}, time.Now())
			<-first.Done()
			if took := time.Since(begin); took != time.Minute || !errors.Is(first.Err(), context.DeadlineExceeded) || second.Err() != nil {
				t.Errorf("after %s: %v, %v", took, first.Err(), second.Err())
			}
			<-second.Done()
			if took := time.Since(begin); took != 80*time.Second {
				t.Errorf("the second ended after %s", took)
			}
			w.end(first, time.Now())
			w.end(second, time.Now())
		})
	})
	t.Run("one that has ended is not waited for", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, parent, cancel := start(t)
			defer cancel()
			c := w.begin(parent, &pull.Delivery{}, time.Now())
			w.end(c, time.Now())
			time.Sleep(time.Hour)
			if !errors.Is(c.Err(), context.Canceled) || len(w.giveUp(time.Now(), true)) != 0 {
				t.Errorf("%v", c.Err())
			}
		})
	})
	t.Run("the end of the working context ends all, and those that begin later", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, parent, cancel := start(t)
			c := w.begin(parent, &pull.Delivery{}, time.Now())
			cancel()
			later := w.begin(parent, &pull.Delivery{}, time.Now())
			<-c.Done()
			<-later.Done()
			if !errors.Is(c.Err(), context.Canceled) || !errors.Is(later.Err(), context.Canceled) || !errors.Is(context.Cause(c), errDrainLimit) {
				t.Errorf("%v, %v, cause %v", c.Err(), later.Err(), context.Cause(c))
			}
			w.end(c, time.Now())
			w.end(later, time.Now())
		})
	})
	t.Run("derived contexts follow without a goroutine each", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, parent, cancel := start(t)
			defer cancel()
			c := w.begin(parent, &pull.Delivery{}, time.Now())
			const many = 1000 // Goroutines of tests that have ended may still be counted.
			before := runtime.NumGoroutine()
			for range many {
				_, stop := context.WithCancel(c)
				defer stop()
			}
			if n := runtime.NumGoroutine() - before; n >= many/2 {
				t.Errorf("%d goroutines more for %d contexts", n, many)
			}
			child, stop := context.WithCancel(c)
			defer stop()
			gone, stopGone := context.WithCancel(c)
			stopGone()
			c.mu.Lock()
			held := len(c.after)
			c.mu.Unlock()
			if held != many+1 || gone.Err() == nil {
				t.Errorf("a derived context that ended is still held: %d", held)
			}
			<-child.Done()
			if !errors.Is(child.Err(), context.DeadlineExceeded) || child.Value(key{}) != "value" {
				t.Errorf("%v, %v", child.Err(), child.Value(key{}))
			}
			late, stopLate := context.WithCancel(c)
			defer stopLate()
			<-late.Done()
			w.end(c, time.Now())
		})
	})
	t.Run("a handler that ignores its context is given up once after the margin", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, parent, cancel := start(t)
			defer cancel()
			c := w.begin(parent, &pull.Delivery{}, time.Now())
			time.Sleep(w.limit + stuckMargin)
			if given := w.giveUp(time.Now(), false); len(given) != 0 {
				t.Errorf("at the margin: %d", len(given))
			}
			time.Sleep(time.Nanosecond)
			if given := w.giveUp(time.Now(), false); len(given) != 1 || given[0] != c.delivery {
				t.Errorf("past the margin: %d", len(given))
			}
			if given := w.giveUp(time.Now(), true); len(given) != 0 || testutil.ToFloat64(w.stuck) != 1 {
				t.Errorf("given up again: %d, %v stuck", len(given), testutil.ToFloat64(w.stuck))
			}
			if !w.end(c, time.Now()) || testutil.ToFloat64(w.stuck) != 0 {
				t.Error("its end must say that it was given up")
			}
		})
	})
	t.Run("wedged is when handlers run and none ends", func(t *testing.T) {
		at := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
		w := &watch{limit: time.Minute, stuck: prometheus.NewGauge(prometheus.GaugeOpts{})}
		begin := func(now time.Time) *call { return w.begin(t.Context(), &pull.Delivery{}, now) }
		day := at.Add(24 * time.Hour)
		var one *call
		steps := []struct {
			name  string
			do    func()
			now   time.Time
			wedge bool
		}{
			{"idle for a day is healthy", func() {}, day, false},
			{"a handler begins", func() { one = begin(day) }, day.Add(90 * time.Second), false},
			{"it does not end", func() {}, day.Add(91 * time.Second), true},
			{"another ends meanwhile", func() { w.end(begin(day.Add(80*time.Second)), day.Add(85*time.Second)) }, day.Add(91 * time.Second), false},
			{"all have ended", func() { w.end(one, day.Add(time.Hour)) }, day.Add(24 * time.Hour), false},
		}
		for _, s := range steps {
			s.do()
			if err := w.check(s.now); (err != nil) != s.wedge {
				t.Errorf("%s: %v", s.name, err)
			}
		}
	})
}
