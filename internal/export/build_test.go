package export

import (
	"testing"
	"time"

	"spillway/internal/backlog"
)

func TestPace(t *testing.T) {
	const minute = time.Minute
	at := noon.Add
	tests := []struct {
		name   string
		now    time.Time
		newest time.Time
		late   float64
		want   time.Time
	}{
		{"nothing known, early", at(0), time.Time{}, 1, at(57 * time.Second)},
		{"nothing known, on time", at(0), time.Time{}, 0, at(minute)},
		{"a second after the next becomes visible", at(10 * time.Second), at(-minute), 0, at(minute + time.Second)},
		{"four at the latest", at(10 * time.Second), at(-minute), 1, at(minute + 4*time.Second)},
		{"not sooner than half an interval", at(40 * time.Second), at(-minute), 0, at(2*minute + time.Second)},
		{"from one to the next", at(minute + time.Second), at(0), 0, at(2*minute + time.Second)},
		{"samples between full minutes", at(0), at(-150 * time.Second), 0, at(31 * time.Second)},
		{"after an hour's gap", at(10 * time.Second), at(-61 * minute), 0, at(minute + time.Second)},
		{"a sample of the future", at(10 * time.Second), at(30 * time.Second), 0, at(91 * time.Second)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := pace(tt.now, tt.newest, minute, 2*minute, tt.late)
			if !got.Equal(tt.want) {
				t.Fatalf("got %s, want %s", got.Sub(noon), tt.want.Sub(noon))
			}
			if wait := got.Sub(tt.now); wait < minute/2 || wait > 3*minute/2 {
				t.Fatalf("%s until the next poll", wait)
			}
		})
	}
}

func TestTheFirstPollLooksBackAndLaterOnesDoNot(t *testing.T) {
	o := DefaultOptions()
	h := newHistory(describe(t, "num_unacked_messages_by_region"), o.times(describe(t, "num_unacked_messages_by_region")))
	expect := func(now time.Time, want time.Duration, ids ...string) {
		t.Helper()
		since := h.since(ids, now)
		h.expect(ids)
		if got := now.Sub(since); got != want {
			t.Fatalf("looks back %s, want %s", got, want)
		}
	}
	expect(noon, time.Hour, "offers")
	expect(noon, time.Hour, "offers") // it was not answered
	h.take([]string{"offers"}, nil, noon)
	expect(noon.Add(time.Minute), 6*time.Minute, "offers") // fresh, one more poll, and the minute since the last answer
	expect(noon.Add(time.Minute), time.Hour, "offers", "orders")
	h.take([]string{"offers", "orders"}, nil, noon.Add(time.Minute))
	expect(noon.Add(31*time.Minute), 35*time.Minute, "offers", "orders") // after half an hour without an answer
	expect(noon.Add(24*time.Hour), time.Hour, "offers", "orders")
	expect(noon.Add(-time.Hour), 5*time.Minute, "offers", "orders") // the clock was set back
}

func TestDefinitionsAreThoseOfAllAndThenThoseOfSome(t *testing.T) {
	every := []backlog.Definition{describe(t, "num_undelivered_messages")}
	wants := map[string]want{
		"offers": {metrics: []backlog.Metric{"pubsub.googleapis.com/subscription/sent_message_count"}},
		"orders": {metrics: []backlog.Metric{
			"no/such", "pubsub.googleapis.com/subscription/ack_latencies", "pubsub.googleapis.com/subscription/backlog_bytes", backlog.NumUndeliveredMessages,
		}},
	}
	var got []string
	for _, d := range definitions(every, wants) {
		got = append(got, d.Metric.Name())
	}
	if len(got) != 3 || got[0] != "num_undelivered_messages" || got[1] != "backlog_bytes" || got[2] != "sent_message_count" {
		t.Fatalf("got %v", got)
	}
}

func TestManySeriesOfOneSubscriptionAreCutOff(t *testing.T) {
	o := DefaultOptions()
	h := newHistory(describe(t, "num_unacked_messages_by_region"), o.times(describe(t, "num_unacked_messages_by_region")))
	var list []backlog.Measured
	for i := range 3 * maxTracks {
		list = append(list, in(string(rune('a'+i)), "offers", 1, noon))
	}
	h.take([]string{"offers"}, list, noon)
	if n := len(h.subjects["offers"].tracks); n != maxTracks {
		t.Fatalf("%d series", n)
	}
	c := h.column("shop", listing{}, false)
	if j := c.judge(&c.rows[0], noon); j.total.State != backlog.Absent || j.missing == "" {
		t.Fatalf("a sum that lacks regions: %+v", j)
	}
}
