package sender_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"spillway/examples/mess/product"
	"spillway/examples/mess/sender"
)

// box is an outbox in memory.
type box struct {
	mu      sync.Mutex
	waiting []product.Product
	changed chan struct{}
	empty   chan struct{}
}

func newBox(ids ...string) *box {
	b := &box{changed: make(chan struct{}), empty: make(chan struct{})}
	for _, id := range ids {
		b.waiting = append(b.waiting, product.Product{ID: id, Revision: 1})
	}
	return b
}

func (b *box) Changed() <-chan struct{} { return b.changed }

func (b *box) Pending(limit int) ([]product.Product, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting[:min(limit, len(b.waiting))], nil
}

func (b *box) Sent(products []product.Product) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting = b.waiting[len(products):]; len(b.waiting) == 0 {
		close(b.empty)
	}
	return nil
}

// run sends what is in the box to the answers, one after the other, the last for ever, and returns the bodies that came.
func run(t *testing.T, b *box, limit *rate.Limiter, answers ...http.HandlerFunc) (bodies [][]string, s *sender.Sender) {
	t.Helper()
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Products []product.Product }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		var ids []string
		for _, p := range body.Products {
			ids = append(ids, p.ID)
		}
		mu.Lock()
		bodies = append(bodies, ids)
		answer := answers[min(len(bodies), len(answers))-1]
		mu.Unlock()
		answer(w, r)
	}))
	defer server.Close()
	s = &sender.Sender{
		URL: server.URL, Client: &http.Client{Timeout: time.Second}, Limit: limit, Batch: 2, Outbox: b, Log: zap.NewNop(),
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	select {
	case <-b.empty:
	case <-time.After(time.Minute):
		t.Error("the outbox is not empty after a minute")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return bodies, s
}

func taken(http.ResponseWriter, *http.Request) {}

func TestProductsAreSentInBatches(t *testing.T) {
	bodies, s := run(t, newBox("a", "b", "c"), rate.NewLimiter(rate.Inf, 1), taken)
	if len(bodies) != 2 || len(bodies[0]) != 2 || bodies[1][0] != "c" {
		t.Errorf("got %v", bodies)
	}
	if sent, failed := s.Counts(); sent != 3 || failed != 0 {
		t.Errorf("sent %d, failed %d", sent, failed)
	}
}

func TestABatchIsRepeatedUntilItIsTaken(t *testing.T) {
	for name, refuse := range map[string]http.HandlerFunc{
		"refused": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"not OK":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
		"told when": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			bodies, s := run(t, newBox("a"), rate.NewLimiter(rate.Inf, 1), refuse, refuse, taken)
			if len(bodies) != 3 {
				t.Errorf("got %v", bodies)
			}
			if sent, failed := s.Counts(); sent != 1 || failed != 2 {
				t.Errorf("sent %d, failed %d", sent, failed)
			}
		})
	}
}

func TestTheRateIsBounded(t *testing.T) {
	begin := time.Now()
	run(t, newBox("a", "b", "c", "d", "e", "f"), rate.NewLimiter(20, 1), taken)
	if took := time.Since(begin); took < 100*time.Millisecond {
		t.Errorf("three requests at 20 a second took %s", took)
	}
}
