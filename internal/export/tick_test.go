package export

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc/codes"

	"spillway/internal/backlog"
	"spillway/internal/cloudmon"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a source whose answers the test writes; the default is an empty answer.
type script struct {
	mu      sync.Mutex
	queries []query
	answer  func(ctx context.Context, q query, now time.Time) (map[backlog.Subscription]backlog.Sample, error)
}

func (s *script) newest(ctx context.Context, q query, since, now time.Time) (map[backlog.Subscription]backlog.Sample, error) {
	s.mu.Lock()
	s.queries = append(s.queries, q)
	answer := s.answer
	s.mu.Unlock()
	if now.Sub(since) != bounds.Fresh+bounds.Hold {
		return nil, fmt.Errorf("asked for %s", now.Sub(since))
	}
	if answer == nil {
		return nil, nil
	}
	return answer(ctx, q, now)
}

// always answers every query alike.
func (s *script) always(samples map[backlog.Subscription]backlog.Sample, err error) {
	s.set(func(context.Context, query, time.Time) (map[backlog.Subscription]backlog.Sample, error) {
		return samples, err
	})
}

func (s *script) set(answer func(context.Context, query, time.Time) (map[backlog.Subscription]backlog.Sample, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *script) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queries)
}

// rig is a running loop with everything that renders it, in a synctest bubble.
type rig struct {
	*loop
	t      *testing.T
	source *script
	reg    *prometheus.Registry
	logs   *observer.ObservedLogs
}

// start runs the loop of one level until the test ends.
func start(t *testing.T, subs ...backlog.Subscription) *rig {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	r := &rig{t: t, source: &script{}, reg: prometheus.NewRegistry(), logs: logs}
	first := newBoard(levels()[:1], subs)
	shown := &atomic.Pointer[board]{}
	shown.Store(first)
	r.reg.MustRegister(newCollector(shown, bounds, time.Now))
	r.loop = &loop{
		source: r.source, queries: first.queries(), interval: time.Minute, limits: bounds, board: shown,
		metrics: newMetrics(r.reg, first.queries()), health: newHealth(time.Now(), time.Minute, bounds),
		journal: newJournal(zap.New(core), bounds),
	}
	return r
}

// begin starts the loop's goroutine, which ends with the test.
func (r *rig) begin() {
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

// expect compares everything that is rendered of one level of shop/offers.
func (r *rig) expect(state backlog.State, value float64, age time.Duration) {
	r.t.Helper()
	const short = "pubsub_subscription_num_undelivered_messages"
	const long = "stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_num_undelivered_messages"
	const labels = `project_id="shop",subscription_id="offers"`
	var want, got []string
	for _, s := range []backlog.State{backlog.Absent, backlog.Fresh, backlog.Held} {
		is := map[bool]int{true: 1}[s == state]
		want = append(want, fmt.Sprintf(`%s_sample_state{project_id="shop",state="%s",subscription_id="offers"} %d`, short, s, is))
	}
	if state != backlog.Absent {
		want = append(want, fmt.Sprintf("%s{%s} %g", short, labels, value), fmt.Sprintf(`%s{%s,unit="1"} %g`, long, labels, value),
			fmt.Sprintf("%s_sample_age_seconds{%s} %g", short, labels, age.Seconds()))
	}
	for line := range strings.Lines(scrape(r.t, r.reg)) {
		if strings.HasPrefix(line, short) || strings.HasPrefix(line, long) {
			got = append(got, strings.TrimSpace(line))
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Fatal(diff)
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

func scrape(t *testing.T, reg prometheus.Gatherer) string {
	t.Helper()
	var out bytes.Buffer
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if err := encode(&out, family); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func TestAGapIsHeldThenAbsentAndNeverZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, offers)
		r.expect(backlog.Absent, 0, 0)

		r.source.always(map[backlog.Subscription]backlog.Sample{offers: {Value: 41000, At: time.Now().Add(-2 * time.Minute)}}, nil)
		r.begin()
		r.expect(backlog.Fresh, 41000, 2*time.Minute)

		r.source.always(nil, nil) // the gap
		pass(2 * time.Minute)
		r.expect(backlog.Fresh, 41000, 4*time.Minute)
		pass(time.Second)
		r.expect(backlog.Held, 41000, 4*time.Minute+time.Second)
		pass(5*time.Minute - time.Second)
		r.expect(backlog.Held, 41000, 9*time.Minute)
		pass(time.Second)
		r.expect(backlog.Absent, 0, 0)

		back := backlog.Sample{Value: 0, At: time.Now()}
		r.source.always(map[backlog.Subscription]backlog.Sample{offers: back}, nil)
		pass(time.Minute)
		r.expect(backlog.Fresh, 0, time.Minute)
	})
}

func TestAReadingExpiresEvenIfTheLoopHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, offers)
		r.board.Store(judge(r.board.Load(), []answer{got(offers, backlog.Sample{Value: 5, At: time.Now()})}, time.Now()))
		pass(bounds.Fresh + bounds.Hold)
		r.expect(backlog.Held, 5, bounds.Fresh+bounds.Hold)
		pass(time.Nanosecond)
		r.expect(backlog.Absent, 0, 0)
	})
}

func TestPollsComeAtOnceAndThenOncePerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, offers, orders)
		r.begin()
		if n := r.source.asked(); n != 1 {
			t.Fatalf("%d queries at the start", n)
		}
		pass(time.Hour)
		if n := r.source.asked(); n < 61 || n > 64 {
			t.Fatalf("%d queries in an hour: want one a minute, at most 5 %% early", n)
		}
	})
}

func TestAProjectThatFailsDoesNotTakeTheOthersAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, stock, offers)
		denied := &cloudmon.Error{Code: codes.PermissionDenied, Metric: cloudmon.NumUndeliveredMessages, Project: "depot"}
		r.source.set(func(_ context.Context, q query, now time.Time) (map[backlog.Subscription]backlog.Sample, error) {
			if q.project == "depot" {
				return nil, denied
			}
			return map[backlog.Subscription]backlog.Sample{offers: {Value: 3, At: now}}, nil
		})
		r.begin()
		if text := scrape(t, r.reg); !strings.Contains(text, `messages{project_id="shop",subscription_id="offers"} 3`) ||
			strings.Contains(text, `messages{project_id="depot"`) || strings.Contains(text, "last_successful_poll") {
			t.Fatalf("got\n%s", text)
		}
		if err := r.ready(); err == nil || !strings.Contains(err.Error(), "first-poll") {
			t.Fatalf("ready although a project was never answered: %v", err)
		}
		if logged := r.logs.FilterMessage("poll failed").All(); len(logged) != 1 || logged[0].Level != zap.ErrorLevel {
			t.Fatalf("logged %v", logged)
		}
		expectPolls(t, r, 0, 1, 0)
	})
}

func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, offers)
		unavailable := &cloudmon.Error{Code: codes.Unavailable, Metric: cloudmon.NumUndeliveredMessages, Project: "shop"}
		fine := func(_ context.Context, _ query, now time.Time) (map[backlog.Subscription]backlog.Sample, error) {
			return map[backlog.Subscription]backlog.Sample{offers: {Value: 3, At: now}}, nil
		}
		r.source.always(nil, unavailable)
		r.begin()
		if err := r.ready(); err == nil {
			t.Fatal("ready before the first answer")
		}
		if err := r.health.live().Test(); err != nil {
			t.Fatal(err)
		}
		r.source.set(fine)
		pass(time.Minute)
		if err := r.ready(); err != nil {
			t.Fatal(err)
		}
		r.source.always(nil, unavailable)
		pass(bounds.Fresh)
		if err := r.ready(); err != nil {
			t.Fatalf("a short outage ends the readiness: %v", err)
		}
		pass(bounds.Hold + time.Minute)
		if err := r.ready(); err == nil || !strings.Contains(err.Error(), "cloud-monitoring: no answer for") {
			t.Fatalf("ready although nothing is known any more: %v", err)
		}
		if err := r.health.live().Test(); err != nil {
			t.Fatalf("an outage is no reason to be killed: %v", err)
		}
		for _, entry := range r.logs.FilterMessage("poll failed").All() {
			if entry.Level != zap.WarnLevel {
				t.Fatalf("a failure that ends by itself is logged as %s", entry.Level)
			}
		}
		r.source.set(fine)
		pass(time.Minute)
		if err := r.ready(); err != nil {
			t.Fatalf("not ready again: %v", err)
		}
		r.expect(backlog.Fresh, 3, time.Since(r.board.Load().complete))
	})
}

func TestASourceThatNeverAnswersIsCutOffAtTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, stock, offers)
		r.source.set(func(ctx context.Context, q query, now time.Time) (map[backlog.Subscription]backlog.Sample, error) {
			if q.project == "depot" {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return map[backlog.Subscription]backlog.Sample{offers: {Value: 3, At: now}}, nil
		})
		r.begin()
		pass(budget(time.Minute))
		if text := scrape(t, r.reg); !strings.Contains(text, `messages{project_id="shop",subscription_id="offers"} 3`) {
			t.Fatalf("the answer of the other project is kept back:\n%s", text)
		}
		pass(time.Hour)
		if err := r.health.live().Test(); err != nil {
			t.Fatal(err)
		}
		if n := r.source.asked(); n < 2*60 {
			t.Fatalf("%d queries in an hour of slow answers", n)
		}
	})
}

func TestALoopThatHangsIsNotAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, offers)
		release := make(chan struct{})
		r.source.set(func(context.Context, query, time.Time) (map[backlog.Subscription]backlog.Sample, error) {
			<-release // deaf to its context
			return nil, nil
		})
		r.begin()
		pass(r.health.turnLimit)
		if err := r.health.live().Test(); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if err := r.health.live().Test(); err == nil || !strings.Contains(err.Error(), "no turn for 4m31s") {
			t.Fatalf("got %v", err)
		}
		close(release)
		synctest.Wait()
		if err := r.health.live().Test(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestStoppingIsNoFailedPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, offers)
		r.source.set(func(ctx context.Context, _ query, _ time.Time) (map[backlog.Subscription]backlog.Sample, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.run(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if r.logs.Len() != 0 {
			t.Fatalf("logged %v", r.logs.All())
		}
		expectPolls(t, r, 0, 0, 0)
	})
}

func TestTheJournalNamesWhatIsMissingOnceAndNotTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var subs []backlog.Subscription
		for i := range 3 * maxNamed {
			subs = append(subs, backlog.Subscription{Project: "shop", ID: fmt.Sprintf("sub-%02d", i)})
		}
		r := start(t, subs...)
		r.begin()
		pass(time.Hour)
		named := r.logs.FilterMessage("no recent sample").All()
		if len(named) != maxNamed || named[0].ContextMap()["subscription"] != "projects/shop/subscriptions/sub-00" {
			t.Fatalf("logged %v", named)
		}
		summary := r.logs.FilterMessage("readings changed").All()
		if len(summary) != 1 || summary[0].ContextMap()["absent"] != int64(len(subs)) {
			t.Fatalf("logged %v", summary)
		}
	})
}

func expectPolls(t *testing.T, r *rig, complete, partial, failed int) {
	t.Helper()
	for result, want := range map[string]int{pollComplete: complete, pollPartial: partial, pollFailed: failed} {
		if got := testutil.ToFloat64(r.metrics.polls.WithLabelValues(result)); int(got) != want {
			t.Errorf("%s polls: %g, want %d", result, got, want)
		}
	}
}
