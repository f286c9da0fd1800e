package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"spillway/internal/demo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const offers = "projects/shop/subscriptions/offers"

// serve runs a server and a reporter to it; wrapped sees each request first.
func serve(t *testing.T, wrapped func(http.Handler) http.Handler) (*Server, *Reporter) {
	t.Helper()
	s := NewServer(Work{Wait: 20 * time.Millisecond})
	web := httptest.NewServer(wrapped(s))
	t.Cleanup(web.Close)
	return s, NewReporter(web.URL, web.Client())
}

func plain(h http.Handler) http.Handler { return h }

func TestEveryDeliveryOfManyAppsIsNotedOnce(t *testing.T) {
	var requests atomic.Int64
	s, first := serve(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			h.ServeHTTP(w, r)
		})
	})
	second := NewReporter(first.base, first.client)
	const messages = 5000
	var handlers sync.WaitGroup
	free := make(chan struct{}, 64)
	for i := range messages {
		r := first
		if i%2 == 1 {
			r = second
		}
		free <- struct{}{}
		handlers.Go(func() {
			defer func() { <-free }()
			if err := r.Handled(t.Context(), offers, demo.Delivery{ID: fmt.Sprint(i), Published: time.Now()}); err != nil {
				t.Error(err)
			}
		})
	}
	handlers.Wait()
	if diff := cmp.Diff(demo.Counts{Handled: messages, Unconfirmed: messages}, s.Flow(offers).Counts()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := requests.Load(); n >= messages {
		t.Errorf("%d requests for %d deliveries of 64 handlers: nothing was reported together", n, messages)
	}
}

func TestADeliveryIsNotedBeforeHandledReturns(t *testing.T) {
	s, r := serve(t, plain)
	published := time.Now().Add(-time.Second)
	for again := range int64(2) {
		if err := r.Handled(t.Context(), offers, demo.Delivery{ID: "7", Published: published}); err != nil {
			t.Fatal(err)
		}
		if got := s.Flow(offers).Counts(); got.Handled != 1 || got.Duplicated != again {
			t.Errorf("after %d repetitions: %+v", again, got)
		}
	}
	if _, all := s.Flow(offers).Ages(time.Now()); !all.Known || all.P50 < 900*time.Millisecond || all.P50 > time.Minute {
		t.Errorf("ages %+v, want that since publishing", all)
	}
	if got := s.Flow("another").Counts(); got != (demo.Counts{}) {
		t.Errorf("another flow has %+v", got)
	}
}

func TestAFailedReportIsToldToEveryoneInIt(t *testing.T) {
	var failing atomic.Bool
	failing.Store(true)
	_, r := serve(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if failing.Load() {
				http.Error(w, "no", http.StatusServiceUnavailable)
				return
			}
			h.ServeHTTP(w, req)
		})
	})
	if err := r.Handled(t.Context(), offers, demo.Delivery{ID: "1"}); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("got %v", err)
	}
	failing.Store(false)
	if err := r.Handled(t.Context(), offers, demo.Delivery{ID: "1"}); err != nil {
		t.Errorf("after the failure: %v", err)
	}
}

func TestWhoGivesUpWaitingIsReportedAllTheSame(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s, r := serve(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			once.Do(func() { close(arrived) })
			<-release
			h.ServeHTTP(w, req)
		})
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	var begun sync.WaitGroup
	begun.Go(func() { // This one sends, and is not released by its own context.
		_ = r.Handled(t.Context(), offers, demo.Delivery{ID: "1"})
	})
	<-arrived
	begun.Go(func() { _ = r.Handled(t.Context(), offers, demo.Delivery{ID: "2"}) }) // Begins the second report.
	for r.collected() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel(errors.New("gone"))
	if err := r.Handled(ctx, offers, demo.Delivery{ID: "3"}); err == nil || err.Error() != "gone" {
		t.Errorf("got %v", err)
	}
	close(release)
	begun.Wait()
	if got := s.Flow(offers).Counts().Handled; got != 3 {
		t.Errorf("%d are noted, want 3", got)
	}
}

// collected is how many bytes wait for the report after the one on its way.
func (r *Reporter) collected() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.flows[offers]; f != nil && f.collecting != nil {
		return len(f.collecting.body)
	}
	return 0
}

func TestTheServerTellsTheWorkWithEveryAnswer(t *testing.T) {
	s, r := serve(t, plain)
	if err := r.Ask(t.Context()); err != nil || r.Work() != (Work{Wait: 20 * time.Millisecond}) {
		t.Errorf("got %+v, %v", r.Work(), err)
	}
	s.SetWork(Work{Wait: time.Second})
	if err := r.Handled(t.Context(), offers, demo.Delivery{ID: "1"}); err != nil || r.Work() != (Work{Wait: time.Second}) {
		t.Errorf("after a report it is %+v, %v", r.Work(), err)
	}
}

func TestABrokenReportIsNotNotedInPart(t *testing.T) {
	s, r := serve(t, plain)
	for _, body := range []string{"1 2\nnonsense\n", "1 2\n 5\n", "1 2\n4 x\n", "1 2\n4 5 6\n"} {
		if err := r.post(t.Context(), offers, []byte(body)); err == nil || !strings.Contains(err.Error(), "400") {
			t.Errorf("%q: got %v", body, err)
		}
	}
	if got := s.Flow(offers).Counts(); got != (demo.Counts{}) {
		t.Errorf("noted %+v", got)
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add("12 1700000000000000000")
	f.Add("a b c")
	f.Fuzz(func(t *testing.T, line string) {
		d, err := parseLine(line)
		if err != nil {
			return
		}
		again, err := parseLine(strings.TrimSuffix(string(appendLine(nil, d)), "\n"))
		if err != nil || !cmp.Equal(again, d) {
			t.Errorf("%q gives %+v, and that gives %+v, %v", line, d, again, err)
		}
	})
}
