package fault

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"sync"
	"testing"
	"time"
)

// visit is one delivery that reached the target.
type visit struct {
	id, key, pod string
	text         string // what the message says; empty for a large one
	attempt      int
	first        bool // no delivery of this message came before
}

// effect is what handling a message leaves behind in the world.
type effect struct {
	visit
	seq int
	at  time.Time
}

// ledger is the HTTP target of every worker, in the process of the test: what it has recorded no fault of a worker can
// take back. An effect counts even when the worker that asked for it is gone by then.
type ledger struct {
	*httptest.Server
	// handle decides on a visit and may take its time; it returns the status. A 2xx is an effect, 0 breaks the connection.
	handle func(ctx context.Context, v visit) int
	over   chan struct{} // closed at the end, so that no handler outlives the test

	mu      sync.Mutex
	visits  map[string]int // deliveries by message
	effects []effect
	count   map[string]int       // effects by message
	pods    map[string]int       // effects by worker
	first   map[string]time.Time // of the visits by worker
	highest int                  // delivery attempt
	victim  string               // the worker that is killed at its next effect
	strike  func()
}

func newLedger(t *testing.T) *ledger {
	t.Helper()
	l := &ledger{
		visits: map[string]int{}, count: map[string]int{}, pods: map[string]int{}, first: map[string]time.Time{}, over: make(chan struct{}),
		handle: func(context.Context, visit) int { return http.StatusNoContent },
	}
	l.Server = httptest.NewServer(http.HandlerFunc(l.serve))
	t.Cleanup(func() {
		close(l.over)
		l.CloseClientConnections()
		l.Close()
	})
	return l
}

func (l *ledger) serve(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Message struct {
			MessageID, OrderingKey string
			Data                   []byte
		}
		DeliveryAttempt int
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	v := visit{id: body.Message.MessageID, key: body.Message.OrderingKey, pod: path.Base(r.URL.Path), attempt: body.DeliveryAttempt}
	if len(body.Message.Data) < 100 {
		v.text = string(body.Message.Data)
	}
	v = l.arrive(v)
	status := l.handle(r.Context(), v)
	if status/100 == 2 {
		l.record(v)
	}
	if status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
}

func (l *ledger) arrive(v visit) visit {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.visits[v.id]++
	v.first = l.visits[v.id] == 1
	l.highest = max(l.highest, v.attempt)
	if _, ok := l.first[v.pod]; !ok {
		l.first[v.pod] = time.Now()
	}
	return v
}

// record notes an effect before the worker gets its answer.
func (l *ledger) record(v visit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.victim == v.pod {
		l.victim = ""
		l.strike()
	}
	l.effects = append(l.effects, effect{visit: v, seq: len(l.effects), at: time.Now()})
	l.count[v.id]++
	l.pods[v.pod]++
}

// killAt calls strike at the next effect of a worker.
func (l *ledger) killAt(pod string, strike func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.victim, l.strike = pod, strike
}

// pause is how a handler takes its time.
func (l *ledger) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.over:
	}
}

// unique is how many different messages have had an effect.
func (l *ledger) unique() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.count)
}

func (l *ledger) by(pod string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pods[pod]
}

// firsts returns when each worker's first message came.
func (l *ledger) firsts() map[string]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.first)
}

// all returns the effects in their order.
func (l *ledger) all() []effect {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]effect(nil), l.effects...)
}

// attempts returns the highest delivery attempt and the highest number of deliveries of one message.
func (l *ledger) attempts() (attempt, deliveries int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.visits {
		deliveries = max(deliveries, n)
	}
	return l.highest, deliveries
}
