package export

import "testing"

func TestNamesOfTheLevels(t *testing.T) {
	want := []struct{ name, stackdriver, unit string }{
		{
			"pubsub_subscription_num_undelivered_messages",
			"stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_num_undelivered_messages", "1",
		},
		{
			"pubsub_subscription_oldest_unacked_message_age",
			"stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_oldest_unacked_message_age", "s",
		},
	}
	for i, l := range levels() {
		if l.name() != want[i].name || l.stackdriverName() != want[i].stackdriver || l.unit != want[i].unit {
			t.Errorf("got %s, %s, %s; want %v", l.name(), l.stackdriverName(), l.unit, want[i])
		}
	}
}
