package monitoring

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestAFilterMustNameOneMetricTypeAndItsOwnLabels(t *testing.T) {
	const acks = `metric.type = "pubsub.googleapis.com/subscription/ack_message_count"`
	tests := map[string]struct {
		filter  string
		code    codes.Code
		message string
	}{
		"one type":                  {acks, codes.OK, ""},
		"in parentheses":            {`(` + acks + `)`, codes.OK, ""},
		"with everything it has":    {acks + ` AND metric.labels.delivery_type = "pull" AND resource.type = "pubsub_subscription" AND resource.labels.project_id = "p" AND resource.labels.subscription_id = "s" AND project = "p"`, codes.OK, ""},
		"resource type by function": {acks + ` AND resource.type = starts_with("pubsub")`, codes.OK, ""},
		"no type":                   {`project = "p"`, codes.InvalidArgument, "position 1: the filter must name a single metric type"},
		"empty":                     {``, codes.InvalidArgument, "single metric type"},
		"twice":                     {acks + ` AND ` + acks, codes.InvalidArgument, "position 74: the filter must name a single"},
		"by function":               {`metric.type = starts_with("pubsub")`, codes.InvalidArgument, "position 1:"},
		"not equal":                 {`metric.type != "x"`, codes.InvalidArgument, "single metric type"},
		"in an or":                  {acks + ` OR ` + acks, codes.InvalidArgument, "single metric type"},
		"negated":                   {`NOT ` + acks, codes.InvalidArgument, "position 5:"},
		"unknown type":              {`metric.type = "pubsub.googleapis.com/subscription/none"`, codes.NotFound, "subscription/none"},
		"unknown metric label":      {acks + ` AND metric.labels.region = "x"`, codes.InvalidArgument, `position 74: metric pubsub.googleapis.com/subscription/ack_message_count has no label "region"`},
		"unknown resource label":    {acks + ` AND resource.labels.topic_id = "x"`, codes.InvalidArgument, `resource pubsub_subscription has no label "topic_id"`},
		"other resource":            {acks + ` AND resource.type = "pubsub_topic"`, codes.InvalidArgument, "belongs to resource pubsub_subscription"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Options{})
			req := w.request("")
			req.Filter = test.filter
			_, err := (&service{server: w.server}).ListTimeSeries(t.Context(), req)
			if got := status.Code(err); got != test.code {
				t.Fatalf("code %s (%v), want %s", got, err, test.code)
			}
			if err != nil && !strings.Contains(err.Error(), test.message) {
				t.Errorf("error %q does not say %q", err, test.message)
			}
		})
	}
}

func TestAFilterSelectsSeries(t *testing.T) {
	const undelivered = `metric.type = "pubsub.googleapis.com/subscription/num_unacked_messages_by_region" AND `
	w := newWorld(t, Options{Regions: []string{"eu", "us"}, VisibilityDelay: NoDelay})
	w.state.Subscriptions = []SubscriptionState{
		{Project: "p", ID: "orders"}, {Project: "p", ID: "orders-dead"}, {Project: "p", ID: "mails"}, {Project: "q", ID: "orders"},
	}
	w.pass(minute)
	tests := map[string]struct {
		filter string
		want   string
	}{
		"one subscription":   {`resource.labels.subscription_id = "orders"`, "orders/eu orders/us"},
		"one region":         {`metric.labels.region = "us"`, "mails/us orders/us orders-dead/us"},
		"prefix and region":  {`resource.labels.subscription_id = starts_with("orders") AND metric.labels.region != "us"`, "orders/eu orders-dead/eu"},
		"some":               {`resource.labels.subscription_id = one_of("mails","orders","none")`, "mails/eu mails/us orders/eu orders/us"},
		"its own project":    {`project = "p" AND metric.labels.region = "eu"`, "mails/eu orders/eu orders-dead/eu"},
		"another project":    {`resource.labels.project_id = "q"`, ""},
		"or over two labels": {`(resource.labels.subscription_id = "mails" OR metric.labels.region = "eu")`, "mails/eu mails/us orders/eu orders-dead/eu"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			req := w.request("")
			req.Filter = undelivered + test.filter
			var names []string
			for _, ts := range w.list(req).GetTimeSeries() {
				names = append(names, ts.GetResource().GetLabels()["subscription_id"]+"/"+ts.GetMetric().GetLabels()["region"])
			}
			if got := strings.Join(names, " "); got != test.want {
				t.Errorf("selected %s, want %s", got, test.want)
			}
		})
	}
}
