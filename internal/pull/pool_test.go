package pull

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestPool(t *testing.T) {
	fill := func(p *pool, n int) {
		for i := range n {
			p.put(received(strconv.Itoa(i), "ack", ""))
		}
	}
	t.Run("slow handlers all run at once, up to the limit", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var running, most, done atomic.Int64
			p := newPool(100, func(*item) {
				most.Store(max(most.Load(), running.Add(1)))
				time.Sleep(time.Second)
				running.Add(-1)
				done.Add(1)
			})
			fill(p, 250)
			synctest.Wait()
			if n := running.Load(); n != 100 {
				t.Errorf("%d run, want 100", n)
			}
			begin := time.Now()
			p.close()
			if took := time.Since(begin); took != 3*time.Second || done.Load() != 250 || most.Load() != 100 {
				t.Errorf("%d done after %s, at most %d at once", done.Load(), took, most.Load())
			}
		})
	})
	t.Run("goroutines that wait are used again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPool(100, func(*item) { time.Sleep(time.Millisecond) })
			for range 50 {
				fill(p, 3)
				time.Sleep(time.Second)
			}
			if p.all != 3 {
				t.Errorf("%d goroutines for 3 at once", p.all)
			}
			p.close()
		})
	})
	t.Run("a handler may put more", func(t *testing.T) {
		var p *pool
		var done atomic.Int64
		var all sync.WaitGroup
		all.Add(1000)
		p = newPool(4, func(it *item) {
			if done.Add(1) < 1000 {
				p.put(it)
			}
			all.Done()
		})
		fill(p, 1)
		all.Wait()
		p.close()
		if done.Load() != 1000 {
			t.Errorf("%d done", done.Load())
		}
	})
}

func BenchmarkPool(b *testing.B) {
	var done sync.WaitGroup
	p := newPool(1000, func(*item) { done.Done() })
	defer p.close()
	it := received("m", "ack", "")
	b.ReportAllocs()
	for b.Loop() {
		done.Add(100)
		for range 100 {
			p.put(it)
		}
		done.Wait()
	}
}
