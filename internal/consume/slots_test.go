package consume

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestSlots(t *testing.T) {
	t.Run("no more are taken than there are, and all are used", func(t *testing.T) {
		s := newSlots(3)
		var running, most, done atomic.Int64
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				for range 200 {
					if !s.take(t.Context()) {
						t.Error("the context is not done")
					}
					n := running.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					running.Add(-1)
					done.Add(1)
					s.give()
				}
			})
		}
		all.Wait()
		if done.Load() != 10_000 || most.Load() > 3 || s.held() != 0 || s.waiting.Load() != 0 {
			t.Errorf("%d done, at most %d at once, %d held, %d wait", done.Load(), most.Load(), s.held(), s.waiting.Load())
		}
	})
	t.Run("the first in line comes first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSlots(1)
			s.take(t.Context())
			order := make(chan int, 3)
			for i := range 3 {
				go func() { s.take(t.Context()); order <- i }()
				synctest.Wait()
			}
			if s.try() {
				t.Error("there is none")
			}
			for want := range 3 {
				s.give()
				if got := <-order; got != want {
					t.Errorf("%d came, want %d", got, want)
				}
			}
		})
	})
	t.Run("whoever gives up takes nothing and holds nobody up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSlots(1)
			s.take(t.Context())
			short, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			var gone atomic.Bool
			go func() {
				if !s.take(short) {
					gone.Store(true)
					return
				}
				s.give() // It was called up before its time was over.
				gone.Store(true)
			}()
			synctest.Wait()
			got := make(chan bool)
			go func() { got <- s.take(t.Context()) }()
			synctest.Wait()
			// The slot comes back at the instant at which the first in line gives up.
			time.Sleep(time.Second)
			s.give()
			if !<-got || s.held() != 1 {
				t.Errorf("the second has no slot; %d held", s.held())
			}
			synctest.Wait()
			if !gone.Load() {
				t.Error("the first waits on")
			}
		})
	})
	t.Run("a context that is done gets none, even if there is one", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if s := newSlots(1); s.take(ctx) || s.held() != 0 {
			t.Error("it was given one")
		}
	})
}

func BenchmarkSlots(b *testing.B) {
	s := newSlots(100)
	for b.Loop() {
		s.take(b.Context())
		s.give()
	}
}
