package export

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/backlog"
)

const undelivered = "pubsub.googleapis.com/subscription/num_undelivered_messages"

var (
	noon   = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	offers = backlog.Subscription{Project: "shop", ID: "offers"}
	orders = backlog.Subscription{Project: "shop", ID: "orders"}
	stock  = backlog.Subscription{Project: "depot", ID: "stock"}
	bounds = backlog.Limits{Fresh: 4 * time.Minute, Hold: 5 * time.Minute}
)

// sampled is a value that was true so long before noon.
func sampled(value float64, before time.Duration) backlog.Sample {
	return backlog.Sample{Value: value, At: noon.Add(-before)}
}

func got(sub backlog.Subscription, s backlog.Sample) answer {
	return answer{query: query{metric: undelivered, project: sub.Project}, samples: map[backlog.Subscription]backlog.Sample{sub: s}}
}

func TestJudgeKeepsTheNewestSampleOfEveryReading(t *testing.T) {
	which := id{undelivered, offers}
	failed := answer{query: query{metric: undelivered, project: "shop"}, err: errors.New("503")}
	empty := answer{query: query{metric: undelivered, project: "shop"}}
	known := sampled(7, 2*time.Minute)
	tests := []struct {
		name    string
		answers []answer
		want    backlog.Sample
		full    bool
	}{
		{"a newer sample takes its place", []answer{got(offers, sampled(8, time.Minute))}, sampled(8, time.Minute), true},
		{"the same instant may be corrected", []answer{got(offers, sampled(9, 2*time.Minute))}, sampled(9, 2*time.Minute), true},
		{"an older one does not", []answer{got(offers, sampled(6, 3*time.Minute))}, known, true},
		{"an empty answer takes nothing away", []answer{empty}, known, true},
		{"neither does a failure", []answer{failed}, known, false},
		{"nor another subscription", []answer{got(orders, sampled(1, 0)), failed}, known, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			last := &board{samples: map[id]backlog.Sample{which: known}, complete: noon.Add(-time.Minute)}
			next := judge(last, tt.answers, noon)
			if next.samples[which] != tt.want {
				t.Fatalf("got %v, want %v", next.samples[which], tt.want)
			}
			if full := next.complete.Equal(noon); full != tt.full {
				t.Fatalf("the last complete poll is %s", next.complete)
			}
			if last.samples[which] != known || len(last.samples) != 1 {
				t.Fatalf("the published board was changed: %v", last.samples)
			}
		})
	}
}

func TestAReadingThatWasNeverSeenIsAbsentAndNotZero(t *testing.T) {
	next := judge(newBoard(nil, nil), []answer{got(offers, sampled(0, 0))}, noon)
	if r := next.read(id{undelivered, offers}, noon, bounds); r.State != backlog.Fresh || r.Value != 0 {
		t.Fatalf("a true zero reads %v", r)
	}
	if r := next.read(id{undelivered, orders}, noon, bounds); r.State != backlog.Absent {
		t.Fatalf("nothing reads %v", r)
	}
}

func TestQueriesAreOnePerLevelAndProject(t *testing.T) {
	b := newBoard([]level{{metric: "a"}, {metric: "b"}}, []backlog.Subscription{stock, offers, orders})
	want := []query{
		{"a", "depot", []string{"stock"}},
		{"a", "shop", []string{"offers", "orders"}},
		{"b", "depot", []string{"stock"}},
		{"b", "shop", []string{"offers", "orders"}},
	}
	if diff := cmp.Diff(want, b.queries(), cmp.AllowUnexported(query{})); diff != "" {
		t.Fatal(diff)
	}
}
