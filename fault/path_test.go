package fault

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// resets is F4: every connection is reset, again and again.
func resets(w *world) {
	const concurrency, workers, every = 50, 3, 3 * time.Second
	// With a full window at every cut, there are messages and acks on their way.
	const rate = concurrency * 10 / 7
	n, cuts := 5000, 7
	if w.all {
		n, cuts = 28_000, 50
	}
	w.ledger.handle = w.taking(200*time.Millisecond, 1200*time.Millisecond)
	w.publish(n, plain)
	for range workers {
		w.start(concurrency)
	}
	w.rest(every)
	for range cuts {
		w.proxy.cut()
		w.rest(every)
	}
	w.ended()
	w.bound = cuts * workers * ackWindow(rate)
	w.awaitAll(3 * time.Minute)
	w.rest(10 * time.Second) // Goroutines of handlers that nobody needs end within seconds.
	for i, n := range w.goroutines() {
		// A worker at rest has about 30, and 2 for each connection to its target that it keeps. One that each cut left
		// behind would show.
		if n > 60+2*concurrency {
			w.t.Errorf("%s has %.0f goroutines at rest", w.workers[i].name, n)
		}
	}
}

func (w *world) goroutines() []float64 {
	var counts []float64
	for _, p := range w.live() {
		counts = append(counts, p.metric("go_goroutines"))
	}
	return counts
}

// forgotten is F5 as a middlebox does it: connections swallow everything from one instant on, new ones are whole.
func forgotten(w *world) {
	w.halfDead(120*time.Second, func() { w.proxy.swallow(false) }, func() {})
}

// swallowed is F5 for the whole path: new connections swallow too, for 30 s.
func swallowed(w *world) {
	w.halfDead(30*time.Second, func() { w.proxy.swallow(true) }, w.proxy.heal)
}

// halfDead breaks the path and expects a new stream of each worker within 45 s of the instant from which there can be one.
func (w *world) halfDead(lasts time.Duration, begin, end func()) {
	w.t.Helper()
	const concurrency, rate, workers = 50, 50, 3
	w.ledger.handle = w.taking(20*time.Millisecond, 250*time.Millisecond)
	wait := w.pace(int(lasts.Seconds()+60)*rate, rate)
	for range workers {
		w.start(concurrency)
	}
	// A server is held to its pings once it has answered one: the first comes after 30 s.
	w.rest(35 * time.Second)
	opens := w.opens()
	begin()
	broken := time.Now()
	if lasts <= 30*time.Second {
		w.rest(lasts)
		opens, broken = w.opens(), time.Now()
	}
	end()
	w.await(45*time.Second, "a new stream of each worker", func() bool {
		for i, p := range w.workers {
			if p.metric("pubsub_worker_stream_opens_total") <= opens[i] {
				return false
			}
			if status := p.get("/livez"); status != http.StatusOK {
				w.t.Errorf("%s is %d live", p.name, status)
			}
		}
		return true
	})
	w.t.Logf("new streams after %s", time.Since(broken).Round(100*time.Millisecond))
	w.ended()
	for _, p := range w.workers {
		w.await(10*time.Second, p.name+" ready", func() bool { return p.get("/readyz") == http.StatusOK })
	}
	wait()
	w.bound = workers * (concurrency + allowance(concurrency))
	w.awaitAll(3 * time.Minute)
}

func (w *world) opens() []float64 {
	var counts []float64
	for _, p := range w.workers {
		counts = append(counts, p.metric("pubsub_worker_stream_opens_total"))
	}
	return counts
}

// slowPath is F6: 500 ms more or less 300 each way, and 200 KB a second.
func slowPath(w *world) {
	const concurrency = 50
	n := 2000
	if w.all {
		n = 10_000
	}
	rng, mu := rand.New(rand.NewPCG(w.seed, 6)), sync.Mutex{}
	w.proxy.slow(shape{rate: 200_000, delay: func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return 200*time.Millisecond + time.Duration(rng.Int64N(int64(600*time.Millisecond)))
	}})
	w.ledger.handle = w.taking(20*time.Millisecond, 2*time.Second)
	w.publish(n, plain)
	for range 3 {
		w.start(concurrency)
	}
	w.awaitAll(8 * time.Minute)
	for _, p := range w.workers {
		if expired := p.metric("pubsub_worker_leases_expired_total"); expired != 0 {
			w.t.Errorf("%s says that %.0f leases expired", p.name, expired)
		}
	}
	if !w.official {
		if got := w.truth(); got.Expired != 0 {
			w.t.Errorf("the server says that %d leases expired", got.Expired)
		}
		w.expectAttempts(1)
	}
}

// stoppedServer is F8 by SIGSTOP: the server neither answers nor goes away for 10 s.
func stoppedServer(w *world) {
	w.outage(10*time.Second, func() { w.emulator.Signal(w.t, syscall.SIGSTOP) }, func() { w.emulator.Signal(w.t, syscall.SIGCONT) })
}

// refusedServer is F8 by refusal: every connection is reset for 60 s.
func refusedServer(w *world) {
	w.outage(time.Minute, func() { w.proxy.refuse(true) }, func() { w.proxy.refuse(false) })
}

// outage expects that workers live through it and have their streams again within 35 s.
func (w *world) outage(lasts time.Duration, begin, end func()) {
	w.t.Helper()
	const concurrency, workers = 50, 3
	w.ledger.handle = w.taking(20*time.Millisecond, 250*time.Millisecond)
	w.publish(3000, plain)
	for range workers {
		w.start(concurrency)
	}
	w.await(time.Minute, "a third of the effects", func() bool { return w.ledger.unique() > 1000 })
	begin()
	w.within(lasts, func() bool {
		for _, p := range w.workers {
			if !p.program.Running() || p.get("/livez") != http.StatusOK {
				w.t.Errorf("%s does not live through the outage: %s", p.name, p.program.Stderr())
				return true
			}
		}
		return false
	})
	end()
	w.ended()
	w.await(35*time.Second, "a stream of each worker", func() bool {
		for _, p := range w.workers {
			if p.metric("pubsub_worker_stream_connected") != 1 {
				return false
			}
		}
		return true
	})
	w.publish(500, plain)
	w.bound = workers * (concurrency + allowance(concurrency))
	w.awaitAll(3 * time.Minute)
}
