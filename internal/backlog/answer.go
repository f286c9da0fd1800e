package backlog

import "time"

// Reason says why a reading is not fresh, in a word that metrics and logs use.
type Reason string

// The reasons. The first is that of fresh readings.
const (
	// ReasonNone means that nothing is wrong.
	ReasonNone Reason = ""
	// ReasonNotPolled means that Cloud Monitoring has not been asked about the subscription yet.
	ReasonNotPolled Reason = "not_polled"
	// ReasonNotWatched means that nobody asked for the subscription or the metric.
	ReasonNotWatched Reason = "not_watched"
	// ReasonGap means that Cloud Monitoring answers and has no recent sample. Whether the subscription exists is not known.
	ReasonGap Reason = "gap"
	// ReasonIdle means that there is no recent sample although the subscription exists.
	ReasonIdle Reason = "idle"
	// ReasonMissing means that the project has no such subscription and never had one while this process ran.
	ReasonMissing Reason = "missing"
	// ReasonDeleted means that the subscription was there and is no more.
	ReasonDeleted Reason = "deleted"
	// ReasonRegion means that a region that was there before has no recent sample, so that there is no total.
	ReasonRegion Reason = "region_missing"
	// ReasonFailing means that Cloud Monitoring could not be read.
	ReasonFailing Reason = "poll_failing"
	// ReasonForbidden means that Cloud Monitoring may not be read: waiting does not help, a permission does.
	ReasonForbidden Reason = "permission_denied"
	// ReasonUnmeasured means that an estimate lacks something that has not been measured yet, such as what one pod can settle.
	ReasonUnmeasured Reason = "unmeasured"
	// ReasonFailingTarget means that the workers' target fails, so that more of them would not help and the last value stays.
	ReasonFailingTarget Reason = "target_failing"
	// ReasonBehind means that a backlog is never worked off with the pods that there are.
	ReasonBehind Reason = "not_keeping_up"
)

// Label is a name and a value.
type Label struct{ Name, Value string }

// Series is one of the labelled values of a metric: num_unacked_messages_by_region has one for each region.
type Series struct {
	// Labels are the metric's own, in the order of their names: region, delivery_type. Most metrics have none.
	Labels []Label
	// Reading is the level, or for a delta what was added since this process began to read.
	Reading
	// Rate is what a delta added per second during its newest interval; 0 for levels.
	Rate float64
}

// Answer is what is known about one metric of one subscription at one instant.
type Answer struct {
	// Total is the sum of the series (the greatest for an age), with the instant of the oldest and the state of the worst.
	// It is absent while a region is missing that was there before, even if others are known.
	Total Reading
	// Rate is the sum of the series' rates; 0 for levels.
	Rate float64
	// Series are those that are not absent, in the order of their labels.
	Series []Series
	// Variants are the same number by the settings of others: of one autoscaler each, which the labels name. They are in no total, and
	// the absent ones are among them.
	Variants []Series
	// Reason says why Total is not fresh, and Why says it in plain words with the cure.
	Reason Reason
	Why    string
}

// Want asks for metrics of one subscription.
type Want struct {
	Subscription Subscription
	// Metrics are wanted beyond those that are read for every subscription.
	Metrics []Metric
	// By says who asks, for people: "--subscription", "--discover", "hpa shop/offers".
	By string
}

// Board is what can be read at any time by any number of goroutines. The answers are those of the newest poll, judged at
// now; nothing is asked of Cloud Monitoring.
type Board interface {
	// Answer says what is known about one metric of one subscription. What nobody watches has ReasonNotWatched.
	Answer(sub Subscription, m Metric, now time.Time) Answer
	// Subscriptions are those that are watched, in order.
	Subscriptions() []Subscription
	// Metrics are those that are read for every subscription, in order.
	Metrics() []Metric
}
