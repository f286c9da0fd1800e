package fault

import (
	"math"
	"strconv"
	"syscall"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
)

// roundTrip is a generous bound of a request on this machine while ten processes share two cores.
const roundTrip = 50 * time.Millisecond

// kill is F2: kill -9 at random instants. What had an effect and no ack comes again.
func kill(w *world) {
	const concurrency, rate = 50, 250
	n, kills, every := 5000, 5, 3*time.Second
	if w.all {
		n, kills, every = 25_000, 20, 4500*time.Millisecond
	}
	w.ledger.handle = w.taking(20*time.Millisecond, 250*time.Millisecond)
	wait := w.pace(n, rate)
	w.killSome(kills, every, concurrency)
	wait()
	w.bound = kills * (concurrency + ackWindow(rate))
	w.awaitAll(3 * time.Minute)
}

// ackWindow is how many acks of one worker may be on their way at rate messages a second: ceil(r * (0.1 s + RTT)).
func ackWindow(rate int) int {
	return int(math.Ceil(float64(rate) * (100*time.Millisecond + roundTrip).Seconds()))
}

// killSome starts three workers and kills one after the other: at any instant, between an effect and its ack, or while it
// starts. Each is replaced.
func (w *world) killSome(kills int, every time.Duration, concurrency int) {
	w.t.Helper()
	for range 3 {
		w.start(concurrency)
	}
	for i := range kills {
		w.rest(every)
		victim := w.live()[w.rng.IntN(len(w.live()))]
		switch i % 3 {
		case 0:
			w.rest(time.Duration(w.rng.Int64N(int64(every / 4))))
			victim.kill()
		case 1:
			w.killAtEffect(victim)
		default:
			victim = w.launch(concurrency, nil)
			w.rest(time.Duration(w.rng.Int64N(int64(300 * time.Millisecond))))
			victim.kill()
			continue // Three still run.
		}
		w.start(concurrency)
	}
	w.ended()
}

// killAtEffect kills a worker when an effect of it is recorded and its answer is not sent yet.
func (w *world) killAtEffect(victim *worker) {
	w.t.Helper()
	w.ledger.killAt(victim.name, func() { victim.program.Signal(w.t, syscall.SIGKILL) })
	w.await(time.Minute, "an effect of "+victim.name, func() bool { return !victim.program.Running() })
	victim.kill()
}

// orderedKill is F15: ordering keys, and F2 on top.
func orderedKill(w *world) {
	const keys, concurrency, kills, every = 1000, 50, 6, 3 * time.Second
	n := 5000
	if w.all {
		n = 10_000
	}
	w.ledger.handle = w.taking(50*time.Millisecond, 300*time.Millisecond)
	w.publish(n, func(i int) *pubsubpb.PubsubMessage {
		m := plain(i)
		m.OrderingKey = "key-" + strconv.Itoa(i%keys)
		return m
	})
	w.killSome(kills, every, concurrency)
	w.bound = kills * (concurrency + ackWindow(n/20))
	// A key whose message was killed waits for the lease, and may be killed again.
	w.recovery = 4 * lease
	w.awaitAll(5 * time.Minute)
	if bad := inversions(w.published, w.ledger.all()); bad > 0 {
		w.t.Errorf("%d keys had first effects out of order", bad)
	}
}

// freeze is F3: a worker is stopped for three leases and goes on. What it held has been handled by others by then.
func freeze(w *world) {
	const concurrency, rate, n = 50, 50, 11_000
	w.ledger.handle = w.taking(20*time.Millisecond, 200*time.Millisecond)
	wait := w.pace(n, rate)
	for range 3 {
		w.start(concurrency)
	}
	w.rest(5 * time.Second)
	frozen := w.workers[0]
	frozen.program.Signal(w.t, syscall.SIGSTOP)
	w.rest(3 * lease)
	frozen.program.Signal(w.t, syscall.SIGCONT)
	w.ended()
	w.bound = concurrency + allowance(concurrency)
	wait()
	w.awaitAll(3 * time.Minute)
	w.await(45*time.Second, "an open stream of the worker that was stopped", func() bool {
		return frozen.metric("pubsub_worker_stream_connected") == 1
	})
}

// allowance is what the worker's window has beyond its concurrency.
func allowance(concurrency int) int { return (concurrency + 9) / 10 }
