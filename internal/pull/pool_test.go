package pull

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// lone returns a pool of its own and a function that fills it.
func lone(limit int, handle func(*item)) (*pool, func(n int)) {
	p := newPool(&sync.Mutex{}, limit, func(it *item) Fate { handle(it); return Acked }, func(*item, Fate) {})
	return p, func(n int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i := range n {
			p.put(received(strconv.Itoa(i), "ack", ""))
		}
	}
}

func TestPool(t *testing.T) {
	t.Run("slow handlers all run at once, up to the limit", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var running, most, done atomic.Int64
			p, fill := lone(100, func(*item) {
				most.Store(max(most.Load(), running.Add(1)))
				time.Sleep(time.Second)
				running.Add(-1)
				done.Add(1)
			})
			p.eager = 4
			fill(250)
			synctest.Wait()
			if n := running.Load(); n != 4 {
				t.Errorf("%d run at once, want 4", n)
			}
			time.Sleep(5 * firstLook) // 8, 16, 32, 64, 100
			synctest.Wait()
			if n := running.Load(); n != 100 {
				t.Errorf("%d run, want 100", n)
			}
			begin := time.Now()
			p.close()
			if took := time.Since(begin); took > 3*time.Second || took < 2900*time.Millisecond || done.Load() != 250 || most.Load() != 100 {
				t.Errorf("%d done after %s, at most %d at once", done.Load(), took, most.Load())
			}
		})
	})
	t.Run("fast handlers keep few goroutines busy", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, fill := lone(10_000, func(*item) { time.Sleep(time.Microsecond) })
			p.eager = 4
			for range 50 {
				fill(10_000)
				time.Sleep(100 * time.Millisecond)
			}
			if p.all != 4 {
				t.Errorf("%d goroutines", p.all)
			}
			p.close()
		})
	})
	t.Run("goroutines that rest are used again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, fill := lone(100, func(*item) { time.Sleep(time.Millisecond) })
			for range 50 {
				fill(3)
				time.Sleep(time.Second)
			}
			if p.all != 3 {
				t.Errorf("%d goroutines for 3 at once", p.all)
			}
			p.close()
		})
	})
	t.Run("goroutines that nobody needs end, half of them at a time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, fill := lone(100, func(*item) { time.Sleep(time.Millisecond) })
			p.eager = 100
			fill(100)
			time.Sleep(time.Second)
			for _, want := range []int{100, 51, 26, 14, 8, 5, 3, 2, 2} { // 2 are needed; the first trim only begins to count.
				p.mu.Lock()
				p.trim()
				p.mu.Unlock()
				synctest.Wait()
				if p.all != want {
					t.Fatalf("%d goroutines, want %d", p.all, want)
				}
				fill(2)
				time.Sleep(time.Second)
			}
			p.close()
			if p.all != 0 {
				t.Errorf("%d goroutines are left", p.all)
			}
		})
	})
	t.Run("a trim while the pool is closed finds nobody", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			p, fill := lone(100, func(it *item) {
				if it.delivery.ID == "0" {
					<-release
				}
			})
			fill(100)
			synctest.Wait()
			trim := func() {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.trim()
			}
			trim() // Begins to count those who rest.
			closed := make(chan struct{})
			go func() {
				defer close(closed)
				p.close()
			}()
			synctest.Wait()
			trim()
			close(release)
			<-closed
		})
	})
	t.Run("what is put while a handler settles is handled", func(t *testing.T) {
		var done atomic.Int64
		var all sync.WaitGroup
		all.Add(1000)
		var p *pool
		p = newPool(&sync.Mutex{}, 4, func(*item) Fate { all.Done(); return Acked }, func(it *item, _ Fate) {
			if done.Add(1) < 1000 {
				p.put(it)
			}
		})
		p.mu.Lock()
		p.put(received("m", "ack", ""))
		p.mu.Unlock()
		all.Wait()
		p.close()
		if done.Load() != 1000 {
			t.Errorf("%d done", done.Load())
		}
	})
}

func BenchmarkPool(b *testing.B) {
	var done sync.WaitGroup
	p, fill := lone(1000, func(*item) { done.Done() })
	defer p.close()
	b.ReportAllocs()
	for b.Loop() {
		done.Add(100)
		fill(100)
		done.Wait()
	}
}
