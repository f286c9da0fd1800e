package export

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"

	"spillway/internal/backlog"
)

func TestAGapIsHeldThenAbsentAndNeverZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigged(t, nil, offers)
		r.script.roll(nil, "offers")
		r.script.always(nil, level("offers", 41000, time.Now().Add(-2*time.Minute)))
		r.begin()
		r.expect(backlog.Fresh, 41000, 2*time.Minute)

		r.script.always(nil) // the gap
		pass(2 * time.Minute)
		r.expect(backlog.Fresh, 41000, 4*time.Minute)
		pass(time.Second)
		r.expect(backlog.Held, 41000, 4*time.Minute+time.Second)
		r.expectReason(offers, backlog.Held, backlog.ReasonGap)
		pass(4*time.Minute - time.Second)
		r.expect(backlog.Held, 41000, 8*time.Minute) // 180 s until the next sample was due, and 5 min
		pass(time.Second)
		r.expect(backlog.Absent, 0, 0)

		r.script.always(nil, level("offers", 0, time.Now()))
		pass(90 * time.Second)
		if a := r.current.Answer(offers, backlog.Backlog, time.Now()); a.Total.State != backlog.Fresh || a.Total.Value != 0 {
			t.Fatalf("got %+v", a)
		}
	})
}

func TestAReadingExpiresEvenIfTheLoopHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigged(t, nil, offers)
		r.script.always(nil, level("offers", 5, time.Now()))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.run(ctx) }()
		synctest.Wait()
		cancel() // nothing polls any more
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		pass(8 * time.Minute)
		r.expect(backlog.Held, 5, 8*time.Minute)
		pass(time.Millisecond)
		r.expect(backlog.Absent, 0, 0)
	})
}

func TestPollsFollowTheSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigged(t, nil, offers)
		begin := time.Now()
		// A sample is taken 20 s after every full minute of the test and visible 2 minutes later.
		r.script.set(func(_ context.Context, q question) ([]backlog.Measured, error) {
			newest := begin.Add(20*time.Second - 3*time.Minute)
			for !newest.Add(3 * time.Minute).After(q.until) {
				newest = newest.Add(time.Minute)
			}
			return []backlog.Measured{level("offers", 1, newest)}, nil
		})
		r.begin()
		if n := len(r.script.asked()); n != 1 {
			t.Fatalf("%d questions at the start", n)
		}
		pass(time.Hour)
		asked := r.script.asked()
		if n := len(asked); n < 59 || n > 62 {
			t.Fatalf("%d questions in an hour: want one a minute", n)
		}
		for i, q := range asked[2:] {
			after := q.until.Sub(begin.Add(20*time.Second)) % time.Minute
			if after < time.Second || after > 4*time.Second+time.Millisecond {
				t.Fatalf("poll %d comes %s after a new sample became visible", i+2, after)
			}
		}
	})
}

func TestPollsWithoutSamplesComeOncePerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigged(t, nil, offers, orders)
		r.begin()
		pass(time.Hour)
		if n := len(r.script.asked()); n < 60 || n > 64 {
			t.Fatalf("%d questions in an hour: want one a minute, at most 5 %% early", n)
		}
	})
}

func TestAProjectThatFailsDoesNotTakeTheOthersAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigged(t, nil, stock, offers)
		denied := failure(codes.PermissionDenied, "depot")
		r.script.set(func(_ context.Context, q question) ([]backlog.Measured, error) {
			if q.project == "depot" {
				return nil, denied
			}
			return []backlog.Measured{level("offers", 3, q.until)}, nil
		})
		r.begin()
		r.expect(backlog.Fresh, 3, 0)
		r.expectReason(stock, backlog.Absent, backlog.ReasonMissing)
		if text := r.text(); strings.Contains(text, `messages{project_id="depot"`) || strings.Contains(text, `last_successful_poll_timestamp_seconds{project_id="depot"`) {
			t.Fatalf("got\n%s", text)
		}
		if err := r.ready(); err != nil {
			t.Fatalf("a project that may not be read blinds the readers of another: %v", err)
		}
		if logged := r.logs.FilterMessage("poll failed").All(); len(logged) != 1 || logged[0].Level != zap.ErrorLevel {
			t.Fatalf("logged %v", logged)
		}
		expectPolls(t, r, "depot", 0, 0, 1)
		expectPolls(t, r, "shop", 1, 0, 0)
	})
}

func TestAProjectThatIsSlowDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigged(t, nil, stock, offers)
		r.script.set(func(ctx context.Context, q question) ([]backlog.Measured, error) {
			if q.project == "depot" {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return []backlog.Measured{level("offers", 3, q.until)}, nil
		})
		r.begin() // depot's first question is still open
		r.expect(backlog.Fresh, 3, 0)
		pass(time.Hour)
		if err := r.health.live().Test(); err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, q := range r.script.asked() {
			count[q.project]++
		}
		if count["shop"] < 59 || count["depot"] < 40 {
			t.Fatalf("questions in an hour: %v", count)
		}
	})
}

func TestOneMetricThatFailsLeavesTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigged(t, []string{"--metrics=oldest_unacked_message_age"}, offers)
		r.script.set(func(_ context.Context, q question) ([]backlog.Measured, error) {
			if q.def.Metric == backlog.OldestUnackedMessageAge {
				return nil, failure(codes.Unavailable, "shop")
			}
			return []backlog.Measured{level("offers", 3, q.until)}, nil
		})
		r.begin()
		r.expect(backlog.Fresh, 3, 0)
		expectPolls(t, r, "shop", 0, 1, 0)
		if a := r.current.Answer(offers, backlog.OldestUnackedMessageAge, time.Now()); a.Reason != backlog.ReasonFailing || !strings.Contains(a.Why, "Unavailable") {
			t.Fatalf("got %+v", a)
		}
	})
}

// TestOutagesOfMonitoring: quota, outage, expired token. Everything that fails is the same to a reader, who is told why.
func TestOutagesOfMonitoring(t *testing.T) {
	for _, code := range []codes.Code{codes.Unavailable, codes.ResourceExhausted, codes.Unauthenticated, codes.Internal, codes.DeadlineExceeded} {
		t.Run(code.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { outage(t, code) })
		})
	}
}

func outage(t *testing.T, code codes.Code) {
	t.Helper()
	r := rigged(t, nil, offers)
	r.script.roll(nil, "offers")
	fine := func(_ context.Context, q question) ([]backlog.Measured, error) {
		return []backlog.Measured{level("offers", 3, q.until)}, nil
	}
	down := failure(code, "shop")
	r.script.always(down)
	r.begin()
	r.expectReason(offers, backlog.Absent, backlog.ReasonFailing, code.String())
	if err := r.ready(); err == nil || !strings.Contains(err.Error(), "first-poll") {
		t.Fatalf("ready before the first answer: %v", err)
	}
	if err := r.health.live().Test(); err != nil {
		t.Fatal(err)
	}
	r.script.set(fine)
	pass(time.Minute)
	r.expectReason(offers, backlog.Fresh, backlog.ReasonNone)
	if err := r.ready(); err != nil {
		t.Fatal(err)
	}
	r.script.always(down)
	pass(5 * time.Minute)
	r.expectReason(offers, backlog.Held, backlog.ReasonFailing, code.String())
	if err := r.ready(); err != nil {
		t.Fatalf("a short outage ends the readiness: %v", err)
	}
	pass(5 * time.Minute)
	r.expectReason(offers, backlog.Absent, backlog.ReasonFailing, code.String())
	if err := r.ready(); err == nil || !strings.Contains(err.Error(), "cloud-monitoring: no answer for") {
		t.Fatalf("ready although nothing is known any more: %v", err)
	}
	if err := r.health.live().Test(); err != nil {
		t.Fatalf("an outage is no reason to be killed: %v", err)
	}
	r.script.set(fine)
	pass(90 * time.Second)
	r.expectReason(offers, backlog.Fresh, backlog.ReasonNone)
	if err := r.ready(); err != nil {
		t.Fatalf("not ready again: %v", err)
	}
}

func TestALoopThatHangsIsNotAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigged(t, nil, offers)
		release := make(chan struct{})
		r.script.set(func(context.Context, question) ([]backlog.Measured, error) {
			<-release // deaf to its context
			return nil, nil
		})
		r.begin()
		pass(r.health.turnLimit)
		if err := r.health.live().Test(); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if err := r.health.live().Test(); err == nil || !strings.Contains(err.Error(), "project shop: no turn for 4m41s") {
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
		r := rigged(t, nil, offers)
		r.script.set(func(ctx context.Context, _ question) ([]backlog.Measured, error) {
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
		expectPolls(t, r, "shop", 0, 0, 0)
	})
}

func TestTheJournalNamesWhatIsMissingOnceAndNotTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var subs []backlog.Subscription
		for i := range 3 * maxNamed {
			subs = append(subs, backlog.Subscription{Project: "shop", ID: fmt.Sprintf("sub-%02d", i)})
		}
		r := rigged(t, nil, subs...)
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

func TestWhatIsWantedMayChangeAtAnyTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigged(t, nil, offers)
		r.script.set(func(_ context.Context, q question) ([]backlog.Measured, error) {
			var list []backlog.Measured
			for _, id := range q.ids {
				list = append(list, level(id, 7, q.until))
			}
			return list, nil
		})
		r.begin()
		r.expectReason(orders, backlog.Absent, backlog.ReasonNotWatched, "--subscription")
		r.wants.Put("kube", []backlog.Want{
			{Subscription: orders, Metrics: []backlog.Metric{"pubsub.googleapis.com/subscription/backlog_bytes", "no/such"}, By: "hpa shop/orders"},
			{Subscription: stock, By: "hpa depot/stock"},
		})
		pass(10 * time.Second) // a change is polled at once, yet not more often than every 10 s
		r.expectReason(orders, backlog.Fresh, backlog.ReasonNone)
		r.expectReason(stock, backlog.Fresh, backlog.ReasonNone)
		bytes := backlog.Metric("pubsub.googleapis.com/subscription/backlog_bytes")
		if a := r.current.Answer(orders, bytes, time.Now()); a.Total.Value != 7 {
			t.Fatalf("the metric that only one wants: %+v", a)
		}
		if a := r.current.Answer(offers, bytes, time.Now()); a.Total.State != backlog.Absent {
			t.Fatalf("the metric that another wants: %+v", a)
		}
		r.wants.Put("kube", nil)
		pass(2 * time.Minute)
		r.expectReason(orders, backlog.Absent, backlog.ReasonNotWatched)
		if text := r.text(); strings.Contains(text, "orders") || strings.Contains(text, `subscription_id="stock"`) || strings.Contains(text, "backlog_bytes{") {
			t.Fatalf("series of what nobody wants any more:\n%s", text)
		}
		r.expect(backlog.Fresh, 7, time.Since(r.current.load().sections[0].complete))
	})
}

func expectPolls(t *testing.T, r *rig, project string, complete, partial, failed int) {
	t.Helper()
	for result, want := range map[string]int{pollComplete: complete, pollPartial: partial, pollFailed: failed} {
		if got := testutil.ToFloat64(r.figures.polls.WithLabelValues(project, result)); int(got) != want {
			t.Errorf("%s polls: %g, want %d", result, got, want)
		}
	}
}
