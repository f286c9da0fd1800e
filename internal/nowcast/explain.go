package nowcast

import (
	"fmt"
	"strings"
	"time"

	"spillway/internal/backlog"
)

// Explanation is one tick in full: what went in, what was made of it and why. Times are seconds where they are numbers.
type Explanation struct {
	Now time.Time
	Law Law

	// What went in. Replicas is negative when it is not known.
	Replicas                       int
	Expected, Scraped, Terminating int
	Full, Paused                   int
	Scale, InFlight, Age           float64
	Sample, Before, Acks           backlog.Sample

	// What was made of it. ArrivalsBy, From and CapacityBy are empty where nothing is known.
	CaughtUp      bool
	Arrivals      float64
	ArrivalsBy    string
	From          string
	Anchor        backlog.Sample
	Carried, Left float64
	// Steady is the age without the noise of single scrapes, Near the arrivals since then and what is in flight, Weight how much of Near counts where
	// it is held against what was carried, which Anchor has then.
	Steady, Near, Weight float64
	Backlog, Waiting     float64
	Ceilings             Ceilings
	Capacity             float64
	CapacityBy           string
	Load, Raw, Desired   float64

	// Which guards had a say.
	Failing, Unmeasured, Floored, Absent bool
}

// String writes it as a person would.
func (x Explanation) String() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("At %s:", x.Now.UTC().Format(time.RFC3339))
	x.sayPods(say)
	x.saySample(say)
	if x.Absent {
		say("Nothing is newer than %s, so nothing is said: the autoscaler keeps the replicas that there are.", x.Law.Stale)
		return b.String()
	}
	x.sayLevel(say)
	x.sayDesired(say)
	return b.String()
}

func (x *Explanation) sayPods(say func(string, ...any)) {
	switch {
	case x.Scraped == 0:
		say("- No worker could be scraped (%d pods ready): Monitoring alone counts.", x.Expected)
	case 2*x.Scraped < x.Expected:
		say("- Only %d of %d ready pods were scraped, less than half: Monitoring alone counts.", x.Scraped, x.Expected)
	default:
		say("- %d of %d ready pods were scraped (counts times %.2f); %d terminating. %.0f messages are in flight, %d pods have no free slot, %d are paused.",
			x.Scraped, x.Expected, x.Scale, x.Terminating, x.InFlight, x.Full, x.Paused)
		say("- First deliveries had waited %.1f s: %s.", x.Age, map[bool]string{true: "caught up", false: "not caught up"}[x.CaughtUp])
	}
}

func (x *Explanation) saySample(say func(string, ...any)) {
	if x.Sample.At.IsZero() {
		say("- Monitoring has no sample.")
		return
	}
	say("- Monitoring's newest sample: %.0f messages, %.0f s ago.", x.Sample.Value, x.Now.Sub(x.Sample.At).Seconds())
}

func (x *Explanation) sayLevel(say func(string, ...any)) {
	if x.ArrivalsBy == "" {
		say("- Arrival rate: not known.")
	} else {
		say("- Arrival rate: %.1f/s, by %s.", x.Arrivals, x.ArrivalsBy)
	}
	switch {
	case x.Carried > 0:
		say("- Backlog: %.0f = %.0f (%s) + %.1f/s * %.0f s - %.0f that left since, and at least what is in flight.",
			x.Backlog, x.Anchor.Value, x.From, x.Arrivals, x.Carried, x.Left)
	case x.From == FromBoth:
		say("- Backlog: %.0f = %.0f %% of %.0f (%.0f in flight + %.1f/s * %.2f s of age without the noise of scrapes) and the rest of %.0f that was carried.",
			x.Backlog, 100*x.Weight, x.Near, x.InFlight, x.Arrivals, x.Steady, x.Anchor.Value)
	case x.From == FromFrontier:
		say("- Backlog: %.0f = %.0f in flight + %.1f/s * %.1f s of age, because there is nothing to carry forward.",
			x.Backlog, x.InFlight, x.Arrivals, x.Age)
	default:
		say("- Backlog: %.0f (%s).", x.Backlog, x.From)
	}
	if x.Capacity > 0 {
		say("- One pod settles %.1f/s, by %s (slots %s, processor %s, reached while saturated %s).",
			x.Capacity, x.CapacityBy, rate(x.Ceilings.Slots), rate(x.Ceilings.CPU), rate(x.Ceilings.Reached))
	} else {
		say("- What one pod settles is not known: none has worked yet, and the configuration does not say.")
	}
}

func (x *Explanation) sayDesired(say func(string, ...any)) {
	switch {
	case x.Failing:
		say("- The target is failing, and more pods would not help: the last value stays.")
	case x.Unmeasured && x.Replicas < 0:
		say("- How many pods there are is not known either, so nothing is said of how many are needed.")
		return
	case x.Unmeasured:
		say("- So the replicas that there are, and at least one while there is work.")
	default:
		say("- Needed: (%.0f waiting / %.0f s + %.2f * %.1f/s) / %.1f/s = %.2f pods.",
			x.Waiting, x.Law.Drain.Seconds(), x.Law.Headroom, x.Arrivals, x.Capacity, x.Load/x.Capacity)
	}
	if x.Unmeasured || x.Failing || x.ArrivalsBy != "" {
		if x.Floored {
			say("- After a gap or a start nothing goes down for %s.", x.Law.Window)
		}
	} else {
		say("- Without an arrival rate nothing goes down.")
	}
	say("Desired replicas: %.2f.", x.Desired)
}

func rate(v float64) string {
	if v <= 0 {
		return "not known"
	}
	return fmt.Sprintf("%.1f/s", v)
}
