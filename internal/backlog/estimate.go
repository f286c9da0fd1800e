package backlog

// The metrics that are made here, of Monitoring's late samples and the workers' own counters. They are no metric types of Cloud Monitoring's.
const (
	// BacklogMessages is the number of unacknowledged messages carried to now.
	BacklogMessages Metric = "subscription/backlog_messages"
	// ArrivalRate is how many messages arrive in a second.
	ArrivalRate Metric = "subscription/arrival_rate"
	// PodCapacity is how many messages one pod can settle in a second.
	PodCapacity Metric = "subscription/pod_capacity"
	// DesiredReplicas is how many pods are needed.
	DesiredReplicas Metric = "subscription/desired_replicas"
	// DrainSeconds is how long it takes until no work waits, with the pods that there are.
	DrainSeconds Metric = "subscription/drain_seconds"
)

// Estimates defines the metrics that are made here, in the order in which they are shown.
func Estimates() []Definition {
	return []Definition{
		{Metric: BacklogMessages, Unit: "1", Help: "Unacknowledged messages of the subscription now, those in flight included."},
		{Metric: ArrivalRate, Unit: "1/s", Help: "Messages that arrive in a second."},
		{Metric: PodCapacity, Unit: "1/s", Help: "Messages that one pod can settle in a second."},
		{Metric: DesiredReplicas, Unit: "1", Help: "Pods that are needed to keep up and to work off what waits; with AverageValue 1 an autoscaler follows it."},
		{Metric: DrainSeconds, Unit: "s", Help: "Seconds until no message waits, with the pods that there are; missing while they do not keep up."},
	}
}

// Estimated reports whether the metric is one of those that are made here.
func (m Metric) Estimated() bool {
	switch m {
	case BacklogMessages, ArrivalRate, PodCapacity, DesiredReplicas, DrainSeconds:
		return true
	default:
		return false
	}
}

// Answerable are all metrics that somebody may ask for by name: Cloud Monitoring's, Backlog, and those that are made here.
func Answerable() []Definition {
	return append(append(Definitions(), Definition{Metric: Backlog, Unit: "1", Help: "Unacknowledged messages of the subscription."}), Estimates()...)
}
