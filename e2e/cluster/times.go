//go:build linux

package cluster

import "time"

// Times are the periods of the control plane that a test may shorten.
type Times struct {
	HPASync          time.Duration // how often the HPA controller looks at each HPA
	HPAStabilisation time.Duration // the scale-down window of HPAs that name none
	HPAReadiness     time.Duration // how long after its start a Pod's changes of readiness are believed to be its start
	HPACPUStart      time.Duration // how long after a Pod's start its CPU is left out
	NodeLease        time.Duration // how often a node renews its lease
	NodeMonitor      time.Duration // how often the controller looks at the nodes
	NodeGrace        time.Duration // the age of a lease at which its node is unknown
	NodeToleration   time.Duration // how long Pods stay bound to a node that is unreachable, unless they say otherwise
	BackOff          time.Duration // the first wait before a container is started again; it doubles up to 30 times that
}

// leastGrace is what a busy machine needs to renew the lease of a node in time.
const leastGrace = 10 * time.Second

// TimesAt returns Kubernetes' own defaults, each divided by the speed. None is shorter than a second, because the lease
// of a node and the flags of the tolerations count whole seconds, and a node's grace is not shorter than 10 s.
func TimesAt(speed float64) Times {
	by := func(d time.Duration) time.Duration {
		return max(time.Second, time.Duration(float64(d)/speed).Round(time.Second))
	}
	return Times{
		HPASync:          by(15 * time.Second),
		HPAStabilisation: by(5 * time.Minute),
		HPAReadiness:     by(30 * time.Second),
		HPACPUStart:      by(5 * time.Minute),
		NodeLease:        by(10 * time.Second),
		NodeMonitor:      by(5 * time.Second),
		NodeGrace:        max(leastGrace, by(50*time.Second)),
		NodeToleration:   by(5 * time.Minute),
		BackOff:          by(10 * time.Second),
	}
}
