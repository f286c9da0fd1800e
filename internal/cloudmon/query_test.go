package cloudmon

import (
	"fmt"
	"strings"
	"testing"
)

func TestFilterNamesFewSubscriptionsAndReadsTheProjectForMany(t *testing.T) {
	const project = `metric.type = "pubsub.googleapis.com/subscription/num_undelivered_messages"` +
		` AND resource.type = "pubsub_subscription" AND resource.labels.project_id = "shop"`
	names := func(n, letters int) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf("s%0*d", letters-1, i)
		}
		return list
	}
	tests := []struct {
		name string
		subs []string
		want string
	}{
		{"one", []string{"offers"}, project + ` AND resource.labels.subscription_id = one_of("offers")`},
		{"two", []string{"offers", "orders"}, project + ` AND resource.labels.subscription_id = one_of("offers", "orders")`},
		{"every letter that an ID may have", []string{"a.b_c~d+e%f-1"}, project + ` AND resource.labels.subscription_id = one_of("a.b_c~d+e%f-1")`},
		{"quotes and backslashes cannot end the literal", []string{`a" OR "b`, `c\`}, project + ` AND resource.labels.subscription_id = one_of("a\" OR \"b", "c\\")`},
		{"more names than are listed", names(maxNames+1, 5), project},
		{"few names that are too long", names(10, 255), project},
		{"none", nil, project},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := filter(Query{Metric: NumUndeliveredMessages, Project: "shop", Subscriptions: tt.subs})
			if got != tt.want {
				t.Fatalf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	longest := filter(Query{Metric: NumUndeliveredMessages, Project: "shop", Subscriptions: names(maxNames, 30)})
	if len(longest) > maxFilter || strings.Count(longest, `"s0`) != maxNames {
		t.Fatalf("%d names of 30 letters make %d characters: %s", maxNames, len(longest), longest)
	}
}

func TestMetricName(t *testing.T) {
	if got := OldestUnackedMessageAge.Name(); got != "oldest_unacked_message_age" {
		t.Fatalf("got %s", got)
	}
}
