package fault

import (
	"context"
	"net/http"
	"time"
)

// nothing is F0: no fault at all.
func nothing(w *world) {
	n := 5000
	if w.all {
		n = 100_000
	}
	w.publish(n, plain)
	for range 3 {
		w.start(100)
	}
	w.awaitAll(5 * time.Minute)
	w.expectAttempts(1)
}

// inShort is F0 in a second.
func inShort(w *world) {
	w.publish(500, plain)
	w.start(20)
	w.start(20)
	w.awaitAll(time.Minute)
	w.expectAttempts(1)
}

// rollingTerm is F1: SIGTERM to one worker after the other under load. The clean stop is worth nothing if it only holds
// between messages, so handlers take 0.2 to 2 s and each worker is full when it is told.
func rollingTerm(w *world) {
	n, concurrency, stops, every := 5000, 40, 10, 2*time.Second
	if w.all {
		n, concurrency, stops, every = 48_000, 100, 20, 5*time.Second
	}
	w.ledger.handle = w.taking(200*time.Millisecond, 2*time.Second)
	wait := func() {}
	if w.official {
		// It ignores the window. What does not fit waits in the connection until its lease is over, and is handled twice.
		n = 3500
		wait = w.pace(n, 70)
	} else {
		w.publish(n, plain)
	}
	for range 3 {
		w.start(concurrency)
	}
	for range stops {
		w.rest(every)
		w.start(concurrency)
		w.live()[0].term()
	}
	if w.ledger.unique() == n {
		w.t.Error("everything was done before the last stop: the load is too small to prove anything")
	}
	w.ended()
	wait()
	w.recovery = 2 * time.Minute // That is the backlog.
	w.awaitAll(5 * time.Minute)
	if !w.official { // It ignores the window: what a worker never took in goes back with a nack.
		w.expectAttempts(1)
	}
}

// taking is a handler whose time is drawn between two bounds for each message, so that the seed decides.
func (w *world) taking(least, most time.Duration) func(context.Context, visit) int {
	return func(_ context.Context, v visit) int {
		w.ledger.pause(least + time.Duration(w.draw(v.text)*float64(most-least)))
		return http.StatusNoContent
	}
}

// draw gives each text a number from 0 to 1 that depends on the seed alone.
func (w *world) draw(text string) float64 {
	x := w.seed*0x9e3779b97f4a7c15 + 0xcbf29ce484222325
	for _, c := range []byte(text) {
		x = (x ^ uint64(c)) * 0x100000001b3
	}
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) / (1 << 53)
}

// scale is F13: from one worker to ten and back while each message takes 10 s. A worker that hoards would leave the new
// ones idle.
func scale(w *world) {
	const n, concurrency, pods = 2000, 20, 10
	long := make(chan struct{}) // closed when handlers may be short
	w.ledger.handle = func(context.Context, visit) int {
		select {
		case <-long:
		case <-w.ledger.over:
		case <-time.After(10 * time.Second):
		}
		return http.StatusNoContent
	}
	w.publish(n, plain)
	w.start(concurrency)
	w.rest(5 * time.Second)
	begin := map[string]time.Time{}
	for range pods - 1 {
		p := w.start(concurrency)
		begin[p.name] = time.Now()
	}
	w.await(30*time.Second, "a first message for each worker", func() bool { return len(w.ledger.firsts()) == pods })
	for pod, at := range w.ledger.firsts() {
		if waited := at.Sub(begin[pod]); !begin[pod].IsZero() && waited > 10*time.Second {
			w.t.Errorf("%s waited %s for its first message", pod, waited)
		}
	}
	before := w.shares()
	w.rest(30 * time.Second)
	shares := w.shares()
	for i := range shares {
		shares[i] -= before[i]
	}
	if index := jain(shares); index < 0.9 {
		w.t.Errorf("the workers' shares of 30 s are %v: Jain index %.2f, want 0.9", shares, index)
	}
	for _, p := range w.live()[1:] {
		p.term()
	}
	w.ended()
	close(long)
	w.awaitAll(2 * time.Minute)
	w.expectAttempts(1)
}

// shares are the effects of each worker that runs.
func (w *world) shares() []float64 {
	var shares []float64
	for _, p := range w.live() {
		shares = append(shares, float64(w.ledger.by(p.name)))
	}
	return shares
}
