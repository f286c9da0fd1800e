package export

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc/codes"

	"spillway/internal/backlog"
	"spillway/internal/cloudmon"
)

func TestMain(m *testing.M) {
	// klog flushes its buffers for as long as the process lives.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("k8s.io/klog/v2.(*flushDaemon).run.func1"))
}

var (
	noon   = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	offers = backlog.Subscription{Project: "shop", ID: "offers"}
	orders = backlog.Subscription{Project: "shop", ID: "orders"}
	stock  = backlog.Subscription{Project: "depot", ID: "stock"}
)

// level is one series with the point of a level, or without.
func level(id string, value float64, at time.Time) backlog.Measured {
	return backlog.Measured{ID: id, Points: []backlog.Point{{Start: at, End: at, Value: value}}}
}

// in is level for one region.
func in(region, id string, value float64, at time.Time) backlog.Measured {
	m := level(id, value, at)
	m.Labels = []backlog.Label{{Name: "region", Value: region}}
	return m
}

// grown is one series of a delta; each value is what was added in the minute that ends so many minutes after start.
func grown(id string, start time.Time, values map[int]float64) backlog.Measured {
	m := backlog.Measured{ID: id, Labels: []backlog.Label{{Name: "delivery_type", Value: "pull"}}}
	for minute, value := range values {
		end := start.Add(time.Duration(minute) * time.Minute)
		m.Points = append(m.Points, backlog.Point{Start: end.Add(-time.Minute), End: end, Value: value})
	}
	return m
}

func wanted(subs ...backlog.Subscription) []backlog.Want { return named(subs) }

func describe(t *testing.T, name string) backlog.Definition {
	t.Helper()
	d, err := backlog.Describe(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// script is a source and a lister whose answers the test writes; the default is an empty answer.
type script struct {
	mu        sync.Mutex
	questions []question
	answer    func(ctx context.Context, q question) ([]backlog.Measured, error)
	names     []string
	fail      error
	lists     int
}

func (s *script) read(ctx context.Context, q question) ([]backlog.Measured, error) {
	s.mu.Lock()
	s.questions = append(s.questions, q)
	answer := s.answer
	s.mu.Unlock()
	if answer == nil {
		return nil, nil
	}
	return answer(ctx, q)
}

func (s *script) list(context.Context, string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists++
	return slices.Clone(s.names), s.fail
}

// always answers every question alike.
func (s *script) always(err error, list ...backlog.Measured) {
	s.set(func(context.Context, question) ([]backlog.Measured, error) { return list, err })
}

func (s *script) set(answer func(context.Context, question) ([]backlog.Measured, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *script) roll(fail error, names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names, s.fail = names, fail
}

func (s *script) asked() []question {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.questions)
}

// rig is a running poller with everything that renders it, in a synctest bubble.
type rig struct {
	*poller
	t      *testing.T
	script *script
	reg    *prometheus.Registry
	logs   *observer.ObservedLogs
}

// rigged makes a poller by flags; without --metrics it reads num_undelivered_messages alone.
func rigged(t *testing.T, flags []string, subs ...backlog.Subscription) *rig {
	t.Helper()
	o := parse(t, append([]string{"--metrics=num_undelivered_messages", "--subscription=projects/a-project/subscriptions/any"}, flags...)...)
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.InfoLevel)
	r := &rig{t: t, script: &script{}, reg: prometheus.NewRegistry(), logs: logs}
	log := zap.New(core)
	app := &App{opts: o, log: log, wants: NewWants()}
	if err := app.assemble(o.parseMetrics(nil), r.reg); err != nil {
		t.Fatal(err)
	}
	r.poller = app.poller
	r.source, r.lister = r.script, r.script
	r.wants.Put("flags", wanted(subs...))
	return r
}

// begin starts the poller's goroutine, which ends with the test.
func (r *rig) begin() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
	})
	synctest.Wait()
}

// pass lets time go by and everything settle.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// text is a scrape.
func (r *rig) text() string {
	r.t.Helper()
	return exposed(r.t, r.current, r.reg, time.Now(), "")
}

func exposed(t *testing.T, current *Current, reg prometheus.Gatherer, now time.Time, accept string) string {
	t.Helper()
	rec := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
	req.Header.Set("Accept", accept)
	scrape(current, reg, func() time.Time { return now }, zap.NewNop()).ServeHTTP(rec, req)
	if rec.Code != http.StatusOK {
		t.Fatalf("the scrape answers %d", rec.Code)
	}
	return rec.Body.String()
}

// lines are those of a scrape that begin with one of the names and hold all of the labels.
func (r *rig) lines(names []string, labels ...string) []string {
	r.t.Helper()
	var found []string
	for line := range strings.Lines(r.text()) {
		name, _, _ := strings.Cut(line, "{")
		lacks := func(label string) bool { return !strings.Contains(line, label) }
		if slices.Contains(names, name) && !slices.ContainsFunc(labels, lacks) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	slices.Sort(found)
	return found
}

// expect compares everything that is rendered of the global level of shop/offers.
func (r *rig) expect(state backlog.State, value float64, age time.Duration) {
	r.t.Helper()
	const short = "pubsub_subscription_num_undelivered_messages"
	const long = "stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_num_undelivered_messages"
	const chosen = "pubsub_subscription_unacked_messages"
	const labels = `project_id="shop",subscription_id="offers"`
	want := []string{fmt.Sprintf(`%s_sample_state{project_id="shop",state="%s",subscription_id="offers"} 1`, short, state)}
	if state != backlog.Absent {
		want = append(want, fmt.Sprintf("%s{%s} %g", short, labels, value), fmt.Sprintf(`%s{%s,unit="1"} %g`, long, labels, value),
			fmt.Sprintf("%s{%s} %g", chosen, labels, value), fmt.Sprintf("%s_sample_age_seconds{%s} %g", short, labels, age.Truncate(time.Millisecond).Seconds()))
	}
	slices.Sort(want)
	got := r.lines([]string{short, long, chosen, short + "_sample_age_seconds", short + "_sample_state"}, `"shop"`, `"offers"`)
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Fatal(diff)
	}
}

// expectReason compares state and reason of the backlog of a subscription, and that why says all of words.
func (r *rig) expectReason(sub backlog.Subscription, state backlog.State, reason backlog.Reason, words ...string) {
	r.t.Helper()
	a := r.current.Answer(sub, backlog.Backlog, time.Now())
	if a.Total.State != state || a.Reason != reason {
		r.t.Fatalf("%s is %s for %q (%s), want %s for %q", sub, a.Total.State, a.Reason, a.Why, state, reason)
	}
	for _, word := range words {
		if !strings.Contains(a.Why, word) {
			r.t.Fatalf("%q does not say %q", a.Why, word)
		}
	}
	if (a.Why == "") != (reason == backlog.ReasonNone) || strings.Contains(a.Why, "\n") {
		r.t.Fatalf("the reason %q is explained by %q", reason, a.Why)
	}
}

func (r *rig) ready() error {
	for _, check := range r.health.ready() {
		if err := check.Test(); err != nil {
			return fmt.Errorf("%s: %w", check.Name, err)
		}
	}
	return nil
}

var errNo = errors.New("no")

func failure(code codes.Code, project string) error {
	return &cloudmon.Error{Code: code, Metric: backlog.NumUndeliveredMessages, Project: project}
}
