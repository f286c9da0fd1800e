package backlog_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"spillway/internal/backlog"
)

func TestParseSubscription(t *testing.T) {
	tests := []struct {
		name, project string
		want          backlog.Subscription
		problem       string
	}{
		{name: "projects/shop/subscriptions/offers", want: backlog.Subscription{Project: "shop", ID: "offers"}},
		{name: "projects/example.com:shop/subscriptions/offers", want: backlog.Subscription{Project: "example.com:shop", ID: "offers"}},
		{name: "offers", project: "shop", want: backlog.Subscription{Project: "shop", ID: "offers"}},
		{name: "projects/other/subscriptions/offers", project: "shop", want: backlog.Subscription{Project: "other", ID: "offers"}},
		{name: "projects/123456789/subscriptions/a.b_c~d+e%f-1", want: backlog.Subscription{Project: "123456789", ID: "a.b_c~d+e%f-1"}},
		{name: "", project: "shop", problem: "empty"},
		{name: "offers", problem: "needs a project"},
		{name: "of", project: "shop", problem: "3 to 255"},
		{name: "1offers", project: "shop", problem: "3 to 255"},
		{name: "google-offers", project: "shop", problem: "goog"},
		{name: strings.Repeat("a", 256), project: "shop", problem: "3 to 255"},
		{name: "off ers", project: "shop", problem: "3 to 255"},
		{name: "offers", project: "Shop", problem: "lower-case"},
		{name: "projects/shop/topics/offers", problem: "want projects/P/subscriptions/S"},
		{name: "projects/shop/subscriptions/", problem: "empty"},
		{name: "projects//subscriptions/offers", problem: "needs a project"},
		{name: "projects/shop/subscriptions/offers/x", problem: "want projects/P/subscriptions/S"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := backlog.ParseSubscription(tt.name, tt.project)
			if tt.problem == "" {
				if err != nil || got != tt.want {
					t.Fatalf("got %v, %v; want %v", got, err, tt.want)
				}
				if again, err := backlog.ParseSubscription(got.String(), ""); err != nil || again != got {
					t.Fatalf("%s reads back as %v, %v", got, again, err)
				}
				return
			}
			if !errors.Is(err, backlog.ErrBadSubscription) || !strings.Contains(err.Error(), tt.problem) {
				t.Fatalf("error %v, want one about %q", err, tt.problem)
			}
		})
	}
}

func FuzzParseSubscription(f *testing.F) {
	f.Add("projects/shop/subscriptions/offers", "")
	f.Add("offers", "shop")
	f.Fuzz(func(t *testing.T, name, project string) {
		sub, err := backlog.ParseSubscription(name, project)
		if err != nil {
			if sub != (backlog.Subscription{}) {
				t.Fatalf("an error came with %v", sub)
			}
			return
		}
		if again, err := backlog.ParseSubscription(sub.String(), ""); err != nil || again != sub {
			t.Fatalf("%s reads back as %v, %v", sub, again, err)
		}
	})
}

func TestRead(t *testing.T) {
	at := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	limits := backlog.Limits{Fresh: 4 * time.Minute, Hold: 5 * time.Minute}
	tests := []struct {
		name string
		s    backlog.Sample
		now  time.Time
		want backlog.State
		age  time.Duration
	}{
		{name: "never seen", now: at, want: backlog.Absent},
		{name: "just taken", s: backlog.Sample{At: at}, now: at, want: backlog.Fresh},
		{name: "from a clock that is ahead", s: backlog.Sample{At: at.Add(time.Second)}, now: at, want: backlog.Fresh},
		{name: "as old as is normal", s: backlog.Sample{At: at}, now: at.Add(4 * time.Minute), want: backlog.Fresh, age: 4 * time.Minute},
		{name: "in a gap", s: backlog.Sample{At: at}, now: at.Add(4*time.Minute + 1), want: backlog.Held, age: 4*time.Minute + 1},
		{name: "at the bound", s: backlog.Sample{At: at}, now: at.Add(9 * time.Minute), want: backlog.Held, age: 9 * time.Minute},
		{name: "too old to repeat", s: backlog.Sample{At: at}, now: at.Add(9*time.Minute + 1), want: backlog.Absent, age: 9*time.Minute + 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := backlog.Read(tt.s, tt.now, limits)
			if got.State != tt.want || got.Age != tt.age {
				t.Fatalf("got %s at age %s, want %s at %s", got.State, got.Age, tt.want, tt.age)
			}
		})
	}
}
