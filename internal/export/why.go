package export

import (
	"spillway/internal/backlog"
	"spillway/internal/nowcast"
)

// Why an estimate is not fresh. The cause is what is known of the backlog by Monitoring.

func noBacklog(cause backlog.Answer) (backlog.Reason, string) {
	if cause.Reason != backlog.ReasonNone {
		return cause.Reason, cause.Why
	}
	return backlog.ReasonGap, "neither Cloud Monitoring nor a worker has said anything recent"
}

func noRate(r *nowcast.Result, cause backlog.Answer) (backlog.Reason, string) {
	if r.Explanation.Absent {
		return noBacklog(cause)
	}
	return backlog.ReasonUnmeasured, "how many messages arrive is not known: no worker is scraped, and Cloud Monitoring has not given two samples of the backlog and the acks between them yet"
}

func noCapacity(r *nowcast.Result, cause backlog.Answer) (backlog.Reason, string) {
	if r.Explanation.Absent {
		return noBacklog(cause)
	}
	return backlog.ReasonUnmeasured, "what one pod settles is not known: no worker has been scraped while it worked, and --pod-capacity is not given"
}

func noDesired(r *nowcast.Result, cause backlog.Answer) (backlog.Reason, string) {
	x := &r.Explanation
	switch {
	case x.Absent:
		return noBacklog(cause)
	case x.Failing:
		return backlog.ReasonFailingTarget, "the target is failing, and more pods would not help: the last value stays"
	case x.Capacity <= 0:
		return noCapacity(r, cause)
	case x.ArrivalsBy == "":
		return noRate(r, cause)
	default:
		return noBacklog(cause)
	}
}

func noDrain(r *nowcast.Result, cause backlog.Answer) (backlog.Reason, string) {
	x := &r.Explanation
	switch {
	case x.Absent:
		return noBacklog(cause)
	case x.ArrivalsBy == "":
		return noRate(r, cause)
	case x.Capacity <= 0:
		return noCapacity(r, cause)
	default:
		return backlog.ReasonBehind, "the pods that there are do not keep up with what arrives"
	}
}
