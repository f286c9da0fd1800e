package fault

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"
)

// target is a worker's own endpoint before the ledger. It can go away and come back at the same address, as an app does that
// restarts beside its worker.
type target struct {
	w       *world
	address string
	answer  atomic.Pointer[func(context.Context, http.ResponseWriter)] // in place of the ledger's; nil is the ledger

	mu     sync.Mutex
	server *httptest.Server // nil while it is away
}

func (w *world) newTarget() *target {
	w.t.Helper()
	t := &target{w: w}
	t.up()
	w.t.Cleanup(t.down)
	return t
}

// startBehind runs a worker whose target this is.
func (t *target) startBehind(concurrency int, more ...string) *worker {
	t.w.t.Helper()
	// The last one counts. The path is the worker's name in the ledger.
	return t.w.start(concurrency, append([]string{"--target=http://" + t.address + "/" + t.w.nextName()}, more...)...)
}

func (t *target) up() {
	t.w.t.Helper()
	address := t.address
	if address == "" {
		address = "127.0.0.1:0"
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		t.w.t.Fatal(err)
	}
	t.address = ln.Addr().String()
	server := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.HandlerFunc(t.serve), ReadHeaderTimeout: time.Minute}}
	server.Start()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.server = server
}

// down takes it away. What it was working on has its effect, as far as it is recorded already, and no answer.
func (t *target) down() {
	t.mu.Lock()
	server := t.server
	t.server = nil
	t.mu.Unlock()
	if server != nil {
		_ = server.Listener.Close()
		server.CloseClientConnections()
	}
}

func (t *target) serve(rw http.ResponseWriter, r *http.Request) {
	if answer := t.answer.Load(); answer != nil {
		_, _ = io.Copy(io.Discard, r.Body) // Only then is it noticed when the worker hangs up.
		(*answer)(r.Context(), rw)
		return
	}
	t.w.ledger.serve(rw, r)
}

// says makes it answer something else than the ledger; nil ends that.
func (t *target) says(answer func(context.Context, http.ResponseWriter)) {
	if answer == nil {
		t.answer.Store(nil)
		return
	}
	t.answer.Store(&answer)
}

// answers always gives the same status.
func answers(code int) func(context.Context, http.ResponseWriter) {
	return func(_ context.Context, rw http.ResponseWriter) { rw.WriteHeader(code) }
}

// hang never answers.
func hang(ctx context.Context, _ http.ResponseWriter) { <-ctx.Done() }

// outage is F12: all targets are away, in some way, for two minutes under load.
func outage(begin, end func(*target), patience time.Duration, more ...string) func(w *world) {
	return func(w *world) {
		w.t.Helper()
		const workers, concurrency, rate = 3, 20, 150
		lasts := 10 * time.Second
		if w.all {
			lasts = 2 * time.Minute
		}
		n := int((lasts + 20*time.Second).Seconds() * rate)
		w.ledger.handle = w.taking(10*time.Millisecond, 100*time.Millisecond)
		var targets []*target
		for range workers {
			t := w.newTarget()
			t.startBehind(concurrency, more...)
			targets = append(targets, t)
		}
		wait := w.pace(n, rate)
		w.rest(5 * time.Second)
		began := time.Now()
		for _, t := range targets {
			begin(t)
		}
		for _, p := range w.live() {
			w.await(patience, p.name+" holds messages back", func() bool { return p.metric("pubsub_worker_paused") == 1 })
		}
		w.t.Logf("all hold messages back after %s", time.Since(began).Round(10*time.Millisecond))
		w.rest(lasts - time.Since(began))
		for _, t := range targets {
			end(t)
		}
		w.ended()
		w.bound = workers * concurrency // What had its effect when its target went away.
		wait()
		w.awaitAll(2 * time.Minute)
		if attempt, _ := w.ledger.attempts(); attempt > 3 {
			w.t.Errorf("attempt %d: the outage cost a message more than two", attempt)
		}
		if got := w.truth().DeadLettered; got != 0 {
			w.t.Errorf("%d messages are dead-lettered", got)
		}
	}
}

// rollingRestart is F12 during a rolling update: one worker after the other gets SIGTERM while its target restarts.
func rollingRestart(w *world) {
	const workers, concurrency, rate, away = 3, 20, 100, time.Second
	rounds := 4
	if w.all {
		rounds = 12
	}
	w.ledger.handle = w.taking(50*time.Millisecond, 500*time.Millisecond)
	var targets []*target
	for range workers {
		t := w.newTarget()
		t.startBehind(concurrency)
		targets = append(targets, t)
	}
	wait := w.pace(rounds*4*rate, rate)
	for i := range rounds {
		w.rest(2 * time.Second)
		t, old := targets[i%workers], w.live()[0]
		t.down()
		back := time.AfterFunc(away, t.up)
		old.term()
		if back.Stop() {
			t.up()
		}
		t.startBehind(concurrency)
	}
	w.ended()
	w.bound = rounds * concurrency
	wait()
	w.awaitAll(2 * time.Minute)
	if got := w.truth().DeadLettered; got != 0 {
		w.t.Errorf("%d messages are dead-lettered", got)
	}
}

// holdsWithin is how soon a worker holds messages back from a target that is away.
const holdsWithin = 5 * time.Second

// saying makes targets answer something else.
func saying(answer func(context.Context, http.ResponseWriter)) func(*target) {
	return func(t *target) { t.says(answer) }
}
