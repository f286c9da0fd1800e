package cloudmon

import (
	"strings"
	"time"

	"spillway/internal/backlog"
)

// Metric is a metric type of the monitored resource pubsub_subscription.
type Metric string

// The metrics that are read: levels, sampled every 60 s and visible up to 120 s later.
const (
	// NumUndeliveredMessages counts unacknowledged messages, those in flight included.
	NumUndeliveredMessages Metric = "pubsub.googleapis.com/subscription/num_undelivered_messages"
	// OldestUnackedMessageAge is the age of the oldest of them in seconds.
	OldestUnackedMessageAge Metric = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"
)

// Name returns the part behind the last slash: "num_undelivered_messages".
func (m Metric) Name() string { return string(m[strings.LastIndexByte(string(m), '/')+1:]) }

// Query asks for the newest sample of one metric for every named subscription of one project.
type Query struct {
	Metric Metric
	// Project is the project's ID, not its number: the series carry the ID.
	Project string
	// Subscriptions are short IDs.
	Subscriptions []string
	// Since and Until bound the instants of the samples. Until is now: nothing later is believed.
	Since, Until time.Time
}

// Answer is what the service knew.
type Answer struct {
	// Samples holds the newest sample of each subscription that has one. A subscription without is not in the map.
	Samples map[backlog.Subscription]backlog.Sample
	// Series counts the time series that came back, which is what the service charges for.
	Series int
	// Ignored counts points that no sample could be made of: without a number or an instant, negative, or of the future.
	Ignored int
}

// Beyond either bound a query reads the whole project. 2048 characters is what the service allows a filter that it
// stores, and no figure is published for one that it only evaluates; 50 names of 30 letters fit in it.
const (
	maxNames  = 50
	maxFilter = 2048
)

// filter selects one metric of one project. A project may see the metrics of others, hence its label. Few subscriptions
// are named, because every series that comes back is paid for; for many of them the whole project is read in the same
// single call.
func filter(q Query) string {
	project := `metric.type = ` + quote(string(q.Metric)) +
		` AND resource.type = "pubsub_subscription" AND resource.labels.project_id = ` + quote(q.Project)
	if len(q.Subscriptions) == 0 || len(q.Subscriptions) > maxNames {
		return project
	}
	names := make([]string, len(q.Subscriptions))
	for i, id := range q.Subscriptions {
		names[i] = quote(id)
	}
	narrow := project + ` AND resource.labels.subscription_id = one_of(` + strings.Join(names, ", ") + `)`
	if len(narrow) > maxFilter {
		return project
	}
	return narrow
}

// quote writes a string literal of the filter language, in which a quote or backslash is escaped by a backslash.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
