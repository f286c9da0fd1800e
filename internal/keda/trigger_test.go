package keda

import (
	"maps"
	"strings"
	"testing"

	"spillway/internal/ask"
	"spillway/internal/backlog"
)

var offers = backlog.Subscription{Project: "shop", ID: "offers"}

func TestParse(t *testing.T) {
	book := ask.NewBook(append(backlog.Definitions(), backlog.Definition{Metric: backlog.Backlog}))
	const oldest = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"
	base := map[string]string{"scalerAddress": "exporter:9091", "subscriptionName": "offers", "value": "40000"}
	with := func(pairs ...string) map[string]string {
		m := maps.Clone(base)
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	tests := []struct {
		name    string
		pairs   map[string]string
		project string // "-" for none
		want    trigger
		says    []string
	}{
		{name: "gcp-pubsub's least", pairs: base, want: trigger{metric: backlog.Definition{Metric: backlog.NumUndeliveredMessages}, sub: offers, target: 40000}},
		{
			name: "gcp-pubsub's own words", pairs: with("mode", "OldestUnackedMessageAge", "activationValue", "2.5", "credentialsFromEnv", "{}"),
			want: trigger{metric: backlog.Definition{Metric: oldest}, sub: offers, target: 40000, activation: 2.5},
		},
		{name: "its old word", pairs: with("mode", "SubscriptionSize"), want: trigger{metric: backlog.Definition{Metric: backlog.NumUndeliveredMessages}, sub: offers, target: 40000}},
		{name: "the full name", pairs: with("subscriptionName", "projects/shop/subscriptions/offers"), project: "-", want: trigger{metric: backlog.Definition{Metric: backlog.NumUndeliveredMessages}, sub: offers, target: 40000}},
		{name: "the name from the environment", pairs: map[string]string{"subscriptionNameFromEnv": "offers", "value": ".5"}, want: trigger{metric: backlog.Definition{Metric: backlog.NumUndeliveredMessages}, sub: offers, target: .5}},
		{name: "another project", pairs: with("project", "other-shop"), want: trigger{metric: backlog.Definition{Metric: backlog.NumUndeliveredMessages}, sub: backlog.Subscription{Project: "other-shop", ID: "offers"}, target: 40000}},
		{name: "an adapter's spelling", pairs: with("metric", "pubsub.googleapis.com|subscription|oldest_unacked_message_age"), want: trigger{metric: backlog.Definition{Metric: oldest}, sub: offers, target: 40000}},
		{name: "our own metric", pairs: with("metric", "pubsub_subscription_unacked_messages"), want: trigger{metric: backlog.Definition{Metric: backlog.Backlog}, sub: offers, target: 40000}},

		{name: "nothing", pairs: nil, says: []string{"subscriptionName", "value"}},
		{name: "no project", pairs: base, project: "-", says: []string{"needs a project"}},
		{name: "a number for a project", pairs: with("project", "12345"), says: []string{"is a number"}},
		{name: "a target of nothing", pairs: with("value", "0"), says: []string{"be more than 0"}},
		{name: "what is no number", pairs: with("value", "many", "activationValue", "-1"), says: []string{`value: "many"`, `activationValue: "-1"`}},
		{name: "not a number at all", pairs: with("value", "NaN"), says: []string{`"NaN"`}},
		{name: "endless", pairs: with("activationValue", "Inf"), says: []string{`"Inf"`}},
		{name: "a misspelt key", pairs: with("activationvalue", "1"), says: []string{"did you mean activationValue?"}},
		{name: "a misspelt mode", pairs: with("mode", "NumUndeliverdMessages"), says: []string{"Did you mean"}},
		{name: "a distribution", pairs: with("mode", "AckLatencies"), says: []string{"is a distribution"}},
		{name: "two metrics", pairs: with("mode", "SubscriptionSize", "metric", "x"), says: []string{"give one of them"}},
		{name: "zero for what is unknown", pairs: with("valueIfNull", "0"), says: []string{"what is unknown is not a number"}},
		{name: "other figures", pairs: with("aggregation", "sum", "timeHorizon", "5m"), says: []string{"aggregation: is not", "timeHorizon: is not"}},
		{name: "long text", pairs: with("value", strings.Repeat("1", 2000)), says: []string{"more than 1024 bytes"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			project := "shop"
			if tt.project == "-" {
				project = ""
			}
			got, err := parse(tt.pairs, book, project)
			if len(tt.says) > 0 {
				for _, text := range tt.says {
					if err == nil || !strings.Contains(err.Error(), text) {
						t.Errorf("error %v, want %q in it", err, text)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.metric.Metric != tt.want.metric.Metric || got.sub != tt.want.sub || got.target != tt.want.target || got.activation != tt.want.activation {
				t.Errorf("reads %+v, want %+v", got, tt.want)
			}
		})
	}
	t.Run("many pairs", func(t *testing.T) {
		pairs := maps.Clone(base)
		for i := range 60 {
			pairs[strings.Repeat("k", i+1)] = "v"
		}
		if _, err := parse(pairs, book, "shop"); err == nil || !strings.Contains(err.Error(), "more than 50 pairs") {
			t.Errorf("error %v", err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("offers", "SubscriptionSize", "", "10", "0", "shop")
	f.Add("projects/shop/subscriptions/offers", "", "pubsub_subscription_backlog_bytes", "1e3", "", "")
	book := ask.NewBook(backlog.Definitions())
	f.Fuzz(func(t *testing.T, name, mode, metric, value, activation, project string) {
		got, err := parse(map[string]string{
			"subscriptionName": name, "mode": mode, "metric": metric, "value": value, "activationValue": activation, "project": project,
		}, book, "shop")
		if err != nil {
			if err.Error() == "" || got != nil {
				t.Fatalf("%v, %v", got, err)
			}
			return
		}
		if again, err := backlog.ParseSubscription(got.sub.String(), ""); err != nil || again != got.sub {
			t.Fatalf("%v is no subscription", got.sub)
		}
		if !(got.target > 0) || !(got.activation >= 0) || whole(got.target) < 1 {
			t.Fatalf("%+v", got)
		}
	})
}
