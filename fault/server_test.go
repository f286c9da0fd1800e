package fault

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
)

// relayed puts a relay between the workers and the proxy.
func (w *world) relayed() *relay {
	w.t.Helper()
	r := newRelay(w.t, w.path, rand.New(rand.NewPCG(w.seed, 7)))
	w.path = r.address
	return r
}

// failingAcks is F7: acks and modacks fail, some of them although they were carried out, and one hangs.
func failingAcks(w *world) {
	const concurrency, rate = 50, 200
	n := 5000
	if w.all {
		n = 20_000
	}
	r := w.relayed()
	r.setPlan(plan{unavailable: 0.30, internal: 0.10, lost: 0.05, hangs: 1, hang: 35 * time.Second})
	w.ledger.handle = w.taking(20*time.Millisecond, 250*time.Millisecond)
	wait := w.pace(n, rate)
	for range 3 {
		w.start(concurrency)
	}
	wait()
	w.awaitAll(2 * time.Minute)
	// The call that hangs is given up by the worker after 30 s.
	w.await(time.Minute, "the end of the call that hangs", func() bool { return w.acks(codes.DeadlineExceeded) == 1 })
	r.setPlan(plan{})
	w.ended()
	w.await(time.Minute, "nothing left to ack", func() bool { return w.official || w.truth().Backlog == 0 })
	for _, code := range []codes.Code{codes.Unavailable, codes.Internal} {
		if got, want := w.acks(code), r.count(code); got != want {
			w.t.Errorf("the workers have counted %d calls ended with %s; %d did", got, code, want)
		}
	}
	if w.t.Failed() {
		return
	}
	w.t.Logf("%d Unavailable, %d of them carried out, %d Internal", r.count(codes.Unavailable), r.executed, r.count(codes.Internal))
}

// acks are the ack, nack and modack calls that ended with code, as the workers count them.
func (w *world) acks(code codes.Code) int {
	sum := 0.0
	for _, p := range w.live() {
		sum += p.metric("pubsub_worker_ack_requests_total", "code", code.String())
	}
	return int(sum)
}

// slowAcks is F7's hard part: each Acknowledge takes 25 s, and some handlers take 45 s meanwhile. Leases go on.
func slowAcks(w *world) {
	const concurrency, n = 50, 600
	w.ledger.handle = func(ctx context.Context, v visit) int {
		if w.draw(v.text) < 0.05 {
			w.ledger.pause(45 * time.Second)
		}
		return http.StatusNoContent
	}
	w.setFaults("slow,method=Acknowledge,delay=25s")
	w.publish(n, plain)
	for range 3 {
		w.start(concurrency)
	}
	w.awaitAll(5 * time.Minute)
	w.await(3*time.Minute, "nothing left to ack", func() bool { return w.truth().Backlog == 0 })
	w.setFaults()
	w.ended()
	if got := w.truth(); got.Expired != 0 {
		w.t.Errorf("%d leases expired", got.Expired)
	}
	w.expectAttempts(1)
}

// restartedServer is F9: the server comes back without anything, and the subscription is made anew 20 s later. What was
// published before is forgotten by the server, so that recovery alone counts.
func restartedServer(w *world) {
	w.publish(500, plain)
	for range 2 {
		w.start(50)
	}
	w.awaitAll(time.Minute)
	w.emulator.Signal(w.t, syscall.SIGKILL)
	w.emulator.Wait(w.t)
	w.emulator = w.startEmulator()
	w.server = w.emulator.Address(w.t)
	w.proxy.lead(w.server)
	w.connect()
	w.rest(20 * time.Second)
	for _, p := range w.workers {
		if !p.program.Running() || p.get("/livez") != http.StatusOK {
			w.t.Fatalf("%s does not live without its subscription: %s", p.name, p.program.Stderr())
		}
		if p.get("/readyz") == http.StatusOK {
			w.t.Errorf("%s is ready without its subscription", p.name)
		}
		if p.metric("pubsub_worker_receive_restarts_total", "code", "NotFound") < 1 {
			w.t.Errorf("%s has not counted that its subscription is gone", p.name)
		}
	}
	w.create(manyAttempts, nil)
	w.forget()
	w.publish(500, plain)
	w.ended()
	w.recovery = 35 * time.Second
	w.awaitAll(time.Minute)
}

// forget starts the ledgers anew.
func (w *world) forget() {
	w.mu.Lock()
	w.published = nil
	w.mu.Unlock()
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	w.ledger.effects, w.ledger.count, w.ledger.visits = nil, map[string]int{}, map[string]int{}
}

// refusedAccess is F17: a permission that is taken away, then a token that has expired.
func refusedAccess(w *world) {
	const rate = 50
	r := w.relayed()
	wait := w.pace(180*rate, rate)
	for range 2 {
		w.start(50)
	}
	w.await(time.Minute, "the first effects", func() bool { return w.ledger.unique() > 100 })
	for _, code := range []codes.Code{codes.PermissionDenied, codes.Unauthenticated} {
		r.refuse(code)
		w.rest(time.Minute)
		for _, p := range w.workers {
			w.expectRefused(p, code)
		}
	}
	r.refuse(codes.OK)
	w.ended()
	w.await(35*time.Second, "streams and readiness", func() bool {
		for _, p := range w.workers {
			if p.metric("pubsub_worker_stream_connected") != 1 || p.get("/readyz") != http.StatusOK {
				return false
			}
		}
		return true
	})
	wait()
	w.bound = 2 * (50 + allowance(50))
	w.awaitAll(2 * time.Minute)
}

// expectRefused holds that a worker lives, is not ready, and says why in words and in a metric.
func (w *world) expectRefused(p *worker, code codes.Code) {
	w.t.Helper()
	if !p.program.Running() || p.get("/livez") != http.StatusOK {
		w.t.Fatalf("%s does not live through %s: %s", p.name, code, p.program.Stderr())
	}
	if p.get("/readyz") == http.StatusOK {
		w.t.Errorf("%s is ready despite %s", p.name, code)
	}
	if p.metric("pubsub_worker_receive_restarts_total", "code", code.String()) < 1 {
		w.t.Errorf("%s has not counted %s", p.name, code)
	}
	words := map[codes.Code]string{codes.PermissionDenied: "grant roles/pubsub.subscriber", codes.Unauthenticated: "renew them"}
	if log := p.program.Stderr(); !strings.Contains(log, words[code]) {
		w.t.Errorf("%s does not name the cure of %s: %s", p.name, code, log)
	}
}
