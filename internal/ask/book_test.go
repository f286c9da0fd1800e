package ask_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/ask"
	"spillway/internal/backlog"
)

const undelivered = backlog.NumUndeliveredMessages

func book() *ask.Book {
	return ask.NewBook(append(backlog.Definitions(), backlog.Definition{Metric: backlog.Backlog}))
}

func TestSpellings(t *testing.T) {
	tests := []struct {
		metric backlog.Metric
		want   []string
	}{
		{undelivered, []string{
			"pubsub.googleapis.com|subscription|num_undelivered_messages",
			"stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_num_undelivered_messages",
			"pubsub_subscription_num_undelivered_messages",
		}},
		{backlog.Backlog, []string{"pubsub_subscription_unacked_messages"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, ask.Spellings(tt.metric)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.metric, diff)
		}
		for _, name := range tt.want {
			if got, err := book().Find(name); err != nil || got.Metric != tt.metric {
				t.Errorf("%s means %v, %v", name, got.Metric, err)
			}
		}
	}
}

func TestCountersHaveTheNameOfTheirSeriesToo(t *testing.T) {
	for _, name := range []string{"pubsub_subscription_ack_message_total", "pubsub_subscription_ack_message_count"} {
		if d, err := book().Find(name); err != nil || d.Metric != backlog.AckMessageCount {
			t.Errorf("%s means %v, %v", name, d.Metric, err)
		}
	}
}

func TestFindRefuses(t *testing.T) {
	tests := []struct{ name, says string }{
		{"pubsub_subscription_num_undeliverd_messages", `Did you mean "pubsub_subscription_num_undelivered_messages"?`},
		{"pubsub.googleapis.com|subscription|num_undelivered_message", `Did you mean "pubsub.googleapis.com|subscription|num_undelivered_messages"?`},
		{"pubsub_subscription_completely_different_thing", `There is no metric "pubsub_subscription_completely_different_thing".`},
		{"pubsub_subscription_ack_latencies", "is a distribution"},
		{"pubsub.googleapis.com|topic|send_request_count", "belongs to a topic"},
		{"queue_length", `There is no metric "queue_length".`},
		{strings.Repeat("pubsub_subscription_", 1000), "of so long a name"},
	}
	for _, tt := range tests {
		_, err := book().Find(tt.name)
		refused, ok := errors.AsType[*ask.Error](err)
		if !ok || refused.Reason != ask.UnknownMetric || !strings.Contains(refused.Message, tt.says) {
			t.Errorf("%.80q: %v, want %s", tt.name, err, tt.says)
		}
	}
}

func TestOurs(t *testing.T) {
	tests := []struct {
		name string
		ours bool
	}{
		{"pubsub_subscription_num_undelivered_messages", true},
		{"pubsub_subscription_x", true},
		{"pubsub.googleapis.com|topic|x", true},
		{"stackdriver_pubsub_subscription_x", true},
		{"s0-gcp-ps-offers", false},
		{"custom.googleapis.com|pubsub_subscription_x", false},
		{"", false},
	}
	for _, tt := range tests {
		if got := book().Ours(tt.name); got != tt.ours {
			t.Errorf("%q is ours: %v", tt.name, got)
		}
	}
}

func TestNames(t *testing.T) {
	b := book()
	names := b.Names()
	for _, name := range names {
		if _, err := b.Find(name); err != nil {
			t.Errorf("%s is named and cannot be found: %v", name, err)
		}
	}
	names[0] = "spoiled"
	if b.Names()[0] == "spoiled" {
		t.Error("Names hands out the book's own slice")
	}
}
