package tune

import (
	"fmt"
	"math"
	"strings"
)

// The bounds of the gain times the dead time of a loop that integrates, x' = -k x(t - tau): it approaches its target from one side up to 1/e, and
// settles at all below pi/2.
const (
	monotone = 1 / math.E
	stable   = math.Pi / 2
)

// The parts of the dead time that are the same everywhere, in seconds: half the time between two samples, and half that between two syncs.
const (
	halfSample = 30.0
	halfSync   = 7.5
)

// Laws are what a raw backlog's target means for a flow, before anything is simulated.
type Laws struct {
	// Capacity is what a pod settles in a second; Delay and StartUp are seconds; SLO is the greatest age that is in order, in seconds.
	Capacity, Delay, StartUp, SLO float64
}

// DeadTime is tau: from a message to the pod that it asks for, in seconds, on average.
func (l Laws) DeadTime() float64 { return halfSample + l.Delay + halfSync + l.StartUp }

// Wait is how many seconds of queueing a target lets stand for ever, when there are many pods.
func (l Laws) Wait(target float64) float64 { return target / l.Capacity }

// WaitAt is the same with n pods: the autoscaler needs more than target*(n-1) messages to hold them.
func (l Laws) WaitAt(target float64, n int) float64 {
	return l.Wait(target) * float64(n-1) / float64(max(1, n))
}

// Gain is k tau.
func (l Laws) Gain(target float64) float64 { return l.Capacity / target * l.DeadTime() }

// LeastStable is the target from which on the loop settles.
func (l Laws) LeastStable() float64 { return l.Capacity * l.DeadTime() / stable }

// LeastMonotone is the target from which on it settles from one side.
func (l Laws) LeastMonotone() float64 { return l.Capacity * l.DeadTime() / monotone }

// LargestInTime is the target whose wait is the SLO.
func (l Laws) LargestInTime() float64 { return l.Capacity * l.SLO }

// Stable reports whether the loop settles with a target.
func (l Laws) Stable(target float64) bool { return l.Gain(target) < stable }

// Verdict says what the gain means.
func (l Laws) Verdict(target float64) string {
	switch k := l.Gain(target); {
	case k <= monotone:
		return "stable"
	case k < stable:
		return "overshoots"
	}
	return "unstable"
}

// Text prints both laws with the flow's numbers; target is that of the present autoscaler, 0 when it has none.
func (l Laws) Text(target float64) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("A raw backlog's target, by two laws, for pods of %s/s that start in %s and samples that are %s late:", number(l.Capacity), seconds(l.StartUp), seconds(l.Delay))
	if target > 0 {
		say("  wait   target / mu = %s / %s/s = %s, for which messages queue while it is held", number(target), number(l.Capacity), seconds(l.Wait(target)))
		say("  k tau  mu / target * dead time = %s / %s * %s = %.2f: %s (up to %.2f it settles from one side, from %.2f on never)",
			number(l.Capacity), number(target), seconds(l.DeadTime()), l.Gain(target), l.Verdict(target), monotone, stable)
	} else {
		say("  wait   target / mu, for which messages queue while it is held")
		say("  k tau  mu / target * dead time of %s: up to %.2f it settles from one side, from %.2f on never", seconds(l.DeadTime()), monotone, stable)
	}
	if in, least := l.LargestInTime(), l.LeastStable(); in < least {
		say("  So an SLO of %s allows at most %s, and only above %s it is stable: no target is both.", seconds(l.SLO), number(in), number(least))
	} else {
		say("  So an SLO of %s allows at most %s; above %s it is stable, from %s on it does not overshoot.", seconds(l.SLO), number(in), number(least), number(l.LeastMonotone()))
	}
	return b.String()
}

// number writes a figure to three digits, or in full where it is larger, with commas.
func number(v float64) string {
	if math.Abs(v) < 1000 {
		return fmt.Sprintf("%.3g", v)
	}
	digits := fmt.Sprintf("%.0f", v)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && digits[i-1] != '-' && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// hours writes pod-hours, of short traces to a hundredth.
func hours(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

// seconds writes a time to a second, or to a tenth of one below ten.
func seconds(v float64) string {
	switch {
	case v < 10 && v != math.Trunc(v):
		return fmt.Sprintf("%.1f s", v)
	case v < 600:
		return fmt.Sprintf("%.0f s", v)
	}
	return fmt.Sprintf("%.0f min", v/60)
}
