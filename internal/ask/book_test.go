package ask_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/ask"
)

const undelivered = "pubsub.googleapis.com/subscription/num_undelivered_messages"

func book() *ask.Book {
	return ask.NewBook([]ask.Metric{
		{Type: undelivered, Unit: "1"},
		{Type: "pubsub.googleapis.com/subscription/oldest_unacked_message_age", Unit: "s"},
		{Type: "pubsub.googleapis.com/subscription/num_unacked_messages_by_region", Unit: "1"},
		{Type: "pubsub.googleapis.com/topic/send_request_count", Unit: "1"},
		{Type: "pubsub_subscription_desired_replicas"},
	})
}

func TestSpellings(t *testing.T) {
	tests := []struct {
		metric string
		want   []string
	}{
		{undelivered, []string{
			"pubsub.googleapis.com|subscription|num_undelivered_messages",
			"stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_num_undelivered_messages",
			"pubsub_subscription_num_undelivered_messages",
		}},
		{"pubsub.googleapis.com/topic/send_request_count", []string{
			"pubsub.googleapis.com|topic|send_request_count",
			"stackdriver_pubsub_topic_pubsub_googleapis_com_topic_send_request_count",
			"pubsub_topic_send_request_count",
		}},
		{"pubsub_subscription_desired_replicas", []string{"pubsub_subscription_desired_replicas"}},
	}
	for _, tt := range tests {
		m := ask.Metric{Type: tt.metric}
		if diff := cmp.Diff(tt.want, m.Spellings()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.metric, diff)
		}
		for _, name := range tt.want {
			if got, ok := book().Find(name); !ok || got.Type != tt.metric {
				t.Errorf("%s means %v, %v", name, got, ok)
			}
		}
	}
}

func TestOurs(t *testing.T) {
	tests := []struct {
		name    string
		ours    bool
		nearest string
	}{
		{"pubsub_subscription_num_undelivered_messages", true, "pubsub_subscription_num_undelivered_messages"},
		{"pubsub.googleapis.com|subscription|num_undelivered_message", true, "pubsub.googleapis.com|subscription|num_undelivered_messages"},
		{
			"stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_num_undeliverd_messages", true,
			"stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_num_undelivered_messages",
		},
		{"pubsub.googleapis.com|topic|x", true, ""},
		{"s0-gcp-ps-offers", false, ""},
		{"http_requests_per_second", false, ""},
		{"", false, ""},
		{strings.Repeat("pubsub_subscription_", 1000), true, ""},
	}
	for _, tt := range tests {
		if got := book().Ours(tt.name); got != tt.ours {
			t.Errorf("%.80q is ours: %v", tt.name, got)
		}
		if tt.nearest != "" || len(tt.name) > 256 {
			if got, ok := book().Nearest(tt.name); ok != (tt.nearest != "") || ok && got != tt.nearest {
				t.Errorf("nearest to %.80q is %q, want %q", tt.name, got, tt.nearest)
			}
		}
	}
}

func TestNamesAreTheCallers(t *testing.T) {
	b := book()
	names := b.Names()
	if len(names) != 13 {
		t.Fatalf("%d names", len(names))
	}
	names[0] = "spoiled"
	if b.Names()[0] == "spoiled" {
		t.Fatal("Names hands out the book's own slice")
	}
}
