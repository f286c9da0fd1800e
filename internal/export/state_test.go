package export

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/backlog"
)

// step is one poll of a script: what Monitoring answers at that minute, and what is true right after it.
type step struct {
	minute int
	answer []backlog.Measured
	want   backlog.State
	value  float64
	age    time.Duration
	reason backlog.Reason
}

// TestStates runs whole stories through one history, whose clock is the test's. Minutes count from noon.
func TestStates(t *testing.T) {
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	one := func(value float64, minute int) []backlog.Measured {
		return []backlog.Measured{level("offers", value, at(minute))}
	}
	two := func(eu, us float64, euAt, usAt int) []backlog.Measured {
		return []backlog.Measured{in("eu", "offers", eu, at(euAt)), in("us", "offers", us, at(usAt))}
	}
	eu := func(value float64, minute int) []backlog.Measured {
		return []backlog.Measured{in("eu", "offers", value, at(minute))}
	}
	const min = time.Minute
	tests := []struct {
		name   string
		metric string
		steps  []step
	}{
		{"samples as they should be", "num_undelivered_messages", []step{
			{3, one(5, 1), backlog.Fresh, 5, 2 * min, ""}, {4, one(6, 2), backlog.Fresh, 6, 2 * min, ""},
		}},
		{"a gap, and what ends it", "num_undelivered_messages", []step{
			{3, one(5, 1), backlog.Fresh, 5, 2 * min, ""},
			{5, nil, backlog.Fresh, 5, 4 * min, ""},
			{6, nil, backlog.Held, 5, 5 * min, "gap"},
			{9, nil, backlog.Held, 5, 8 * min, "gap"},
			{10, nil, backlog.Absent, 0, 0, "gap"},
			{11, one(9, 9), backlog.Fresh, 9, 2 * min, ""},
		}},
		{"a late sample that is still believed", "num_undelivered_messages", []step{
			{9, one(5, 1), backlog.Held, 5, 8 * min, "gap"}, {10, one(6, 4), backlog.Held, 6, 6 * min, "gap"},
		}},
		{"a sample so late that it says nothing", "num_undelivered_messages", []step{
			{10, one(5, 1), backlog.Absent, 0, 0, "gap"},
		}},
		{"samples out of order", "num_undelivered_messages", []step{
			{3, one(5, 1), backlog.Fresh, 5, 2 * min, ""}, {4, one(4, 0), backlog.Fresh, 5, 3 * min, ""},
		}},
		{"a correction of the same instant", "num_undelivered_messages", []step{
			{3, one(5, 1), backlog.Fresh, 5, 2 * min, ""}, {4, one(8, 1), backlog.Fresh, 8, 3 * min, ""},
		}},
		{"a true zero is a value", "num_undelivered_messages", []step{{3, one(0, 1), backlog.Fresh, 0, 2 * min, ""}}},
		{"never a sample", "num_undelivered_messages", []step{{3, nil, backlog.Absent, 0, 0, "gap"}, {60, nil, backlog.Absent, 0, 0, "gap"}}},
		{"two regions", "num_unacked_messages_by_region", []step{
			{3, two(5, 7, 1, 1), backlog.Fresh, 12, 2 * min, ""}, {4, two(6, 8, 1, 2), backlog.Fresh, 14, 3 * min, ""},
		}},
		{"a region goes missing", "num_unacked_messages_by_region", []step{
			{3, two(5, 7, 1, 1), backlog.Fresh, 12, 2 * min, ""},
			{5, eu(6, 3), backlog.Fresh, 13, 4 * min, ""},           // the other is as old as is normal
			{7, eu(7, 5), backlog.Held, 14, 6 * min, "gap"},         // one part is held, so is the total
			{10, eu(8, 8), backlog.Absent, 0, 0, "region_missing"},  // the rest alone would be too low
			{60, eu(9, 58), backlog.Absent, 0, 0, "region_missing"}, // for an hour
			{62, eu(9, 60), backlog.Fresh, 9, 2 * min, ""},          // then it is forgotten
		}},
		{"a region comes back", "num_unacked_messages_by_region", []step{
			{3, two(5, 7, 1, 1), backlog.Fresh, 12, 2 * min, ""},
			{10, eu(8, 8), backlog.Absent, 0, 0, "region_missing"},
			{11, two(9, 1, 9, 9), backlog.Fresh, 10, 2 * min, ""},
		}},
		{"a region that was there before this process", "num_unacked_messages_by_region", []step{
			{3, two(5, 7, 1, -40), backlog.Absent, 0, 0, "region_missing"}, {25, eu(6, 23), backlog.Fresh, 6, 2 * min, ""},
		}},
		{"every region is gone", "num_unacked_messages_by_region", []step{
			{3, two(5, 7, 1, 1), backlog.Fresh, 12, 2 * min, ""}, {20, nil, backlog.Absent, 0, 0, "gap"},
		}},
		{"over regions the oldest age is the greatest", "oldest_unacked_message_age_by_region", []step{
			{3, two(50, 70, 1, 1), backlog.Fresh, 70, 2 * min, ""},
		}},
		{"a metric that is visible later is fresh for longer", "nack_requests", []step{
			{8, one(5, 0), backlog.Fresh, 5, 8 * min, ""},
			{9, nil, backlog.Held, 5, 9 * min, "gap"},
			{12, nil, backlog.Held, 5, 12 * min, "gap"},
			{13, nil, backlog.Absent, 0, 0, "gap"},
		}},
	}
	o := DefaultOptions()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHistory(describe(t, tt.metric), o.times(describe(t, tt.metric)))
			for _, s := range tt.steps {
				now := at(s.minute)
				h.take([]string{"offers"}, s.answer, now)
				sec := &section{project: "shop", wants: map[string]want{"offers": {}}, columns: []*column{h.column("shop", listing{}, false)}}
				got := sec.answer(offers, h.def.Metric, now)
				want := backlog.Reading{State: s.want, Age: s.age, Sample: backlog.Sample{Value: s.value, At: now.Add(-s.age)}}
				if s.want == backlog.Absent {
					want = backlog.Reading{}
				}
				if diff := cmp.Diff(want, got.Total); diff != "" || got.Reason != s.reason {
					t.Fatalf("minute %d: for %q (%s)\n%s", s.minute, got.Reason, got.Why, diff)
				}
			}
		})
	}
}

// TestClockSteps sets the wall clock, while the monotonic one goes on: a sample's age is the greater of what both say.
func TestClockSteps(t *testing.T) {
	seen := backlog.See(backlog.Sample{Value: 5, At: noon.Add(-2 * time.Minute)}, noon)
	limits := DefaultOptions().timesOf(t, "num_undelivered_messages").limits
	for _, tt := range []struct {
		name string
		now  time.Time
		when time.Time // the same instant, by a clock that was set by now - when
		want backlog.State
		age  time.Duration
	}{
		{"no step", noon.Add(time.Minute), noon, backlog.Fresh, 3 * time.Minute},
		{"an hour ahead: unknown rather than wrong", noon.Add(time.Hour), noon, backlog.Absent, time.Hour + 2*time.Minute},
		{"an hour back, 10 minutes later: not young again", noon.Add(-50 * time.Minute), noon.Add(-time.Hour), backlog.Absent, 12 * time.Minute},
		{"an hour back, a minute later", noon.Add(-59 * time.Minute), noon.Add(-time.Hour), backlog.Fresh, 3 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stepped := seen
			stepped.When = tt.when
			if got := stepped.Read(tt.now, limits); got.State != tt.want || got.Age != tt.age {
				t.Fatalf("got %s at %s, want %s at %s", got.State, got.Age, tt.want, tt.age)
			}
		})
	}
}

func (o Options) timesOf(t *testing.T, name string) times {
	t.Helper()
	return o.times(describe(t, name))
}

// TestIdleMissingMistypedAndDeleted tells subscriptions without samples apart.
func TestIdleMissingMistypedAndDeleted(t *testing.T) {
	const existsHint = "exists"
	synctest.Test(t, func(t *testing.T) {
		r := rigged(t, nil, offers, orders)
		r.script.roll(errNo)
		r.script.set(func(_ context.Context, q question) ([]backlog.Measured, error) {
			return []backlog.Measured{level("orders", 4, q.until)}, nil
		})
		r.begin()
		r.expectReason(orders, backlog.Fresh, backlog.ReasonNone)
		r.expectReason(offers, backlog.Absent, backlog.ReasonGap, "not known", "no")

		r.script.roll(nil, "offers", "orders") // the list can be read again
		pass(6 * time.Minute)
		r.expectReason(offers, backlog.Absent, backlog.ReasonIdle, existsHint, "--idle-as-zero")

		r.script.roll(nil, "offer", "orders")
		pass(6 * time.Minute)
		r.expectReason(offers, backlog.Absent, backlog.ReasonDeleted)

		r.script.roll(nil, "offers")
		r.script.always(nil) // orders is deleted, and so are its samples
		pass(20 * time.Minute)
		r.expectReason(orders, backlog.Absent, backlog.ReasonDeleted, "deleted")
		if got := r.lines([]string{"pubsub_subscription_unacked_messages_reason"}, `"orders"`); len(got) != 1 ||
			got[0] != `pubsub_subscription_unacked_messages_reason{project_id="shop",reason="deleted",subscription_id="orders"} 1` {
			t.Fatalf("got %v", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := rigged(t, nil, offers)
		r.script.roll(nil, "offer", "orders")
		r.begin()
		r.expectReason(offers, backlog.Absent, backlog.ReasonMissing, "no subscription offers", "did you mean offer?")
		pass(time.Hour)
		if r.script.lists > 13 {
			t.Fatalf("the list was read %d times in an hour", r.script.lists)
		}
	})
}

func TestIdleAsZeroWaitsForAnHourAndForTheList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigged(t, []string{"--idle-as-zero"}, offers, orders)
		r.script.roll(nil, "offers")
		last := time.Now()
		r.script.always(nil, level("offers", 4, last))
		r.begin()
		r.script.always(nil)
		pass(59 * time.Minute)
		r.expectReason(offers, backlog.Absent, backlog.ReasonGap)
		pass(3 * time.Minute)
		r.expectReason(offers, backlog.Fresh, backlog.ReasonIdle, "--idle-as-zero")
		if a := r.current.Answer(offers, backlog.Backlog, time.Now()); a.Total.Value != 0 {
			t.Fatalf("got %+v", a)
		}
		r.expectReason(orders, backlog.Absent, backlog.ReasonMissing) // it is not on the list

		r.script.always(failure(14, "shop")) // an outage makes nothing idle
		pass(10 * time.Minute)
		r.expectReason(offers, backlog.Absent, backlog.ReasonFailing)

		r.script.set(func(_ context.Context, q question) ([]backlog.Measured, error) {
			return []backlog.Measured{level("offers", 2, q.until)}, nil
		})
		pass(2 * time.Minute)
		r.expectReason(offers, backlog.Fresh, backlog.ReasonNone)
	})
}
