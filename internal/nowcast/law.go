package nowcast

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Law is the tunable part of the control law. The zero value is not valid; begin with [DefaultLaw].
type Law struct {
	// Drain is T: how long the work that waits may take.
	Drain time.Duration
	// Headroom is h, which the arrival rate is multiplied with; at least 1.
	Headroom float64
	// Capacity is the messages per second of one pod, used while nothing has been measured; 0 when nobody has said.
	Capacity float64
	// MaxRate bounds the arrival rate, such as by the topic's quota; 0 for no bound.
	MaxRate float64
	// Min and Max bound desired replicas where Max is above 0.
	Min, Max float64
	// IgnoreCPU leaves the processor out of the capacity, for work that is done in another container.
	IgnoreCPU bool
	// Window is the autoscaler's scale-down window: after a gap the replicas are held for so long.
	Window time.Duration
	// Stale is the age of the newest input at which nothing is said any more.
	Stale time.Duration
	// Scrape is the age at which a pod's scrape no longer counts.
	Scrape time.Duration
}

// DefaultLaw returns T = 60 s and h = 1.05, for the shipped autoscaler (300 s) and scrapes every 5 s.
func DefaultLaw() Law {
	return Law{
		Drain: time.Minute, Headroom: 1.05, Window: 5 * time.Minute,
		Stale: 5 * time.Minute, Scrape: 20 * time.Second,
	}
}

// Validate reports everything that is wrong with l, joined.
func (l Law) Validate() error {
	var errs []error
	bound := func(name string, v, lo, hi float64) {
		if !(v >= lo && v <= hi) {
			errs = append(errs, fmt.Errorf("%s: %v must be from %v to %v", name, v, lo, hi))
		}
	}
	day := (24 * time.Hour).Seconds()
	bound("drain seconds", l.Drain.Seconds(), 1, day)
	bound("headroom", l.Headroom, 1, 10)
	bound("capacity", l.Capacity, 0, 1e9)
	bound("arrival rate limit", l.MaxRate, 0, 1e12)
	bound("minimum", l.Min, 0, math.MaxInt32)
	bound("maximum", l.Max, 0, math.MaxInt32)
	bound("scale-down window seconds", l.Window.Seconds(), 0, 3600)
	bound("stale after seconds", l.Stale.Seconds(), 1, day)
	bound("scrape age seconds", l.Scrape.Seconds(), 1, 600)
	if l.Max > 0 && l.Max < l.Min {
		errs = append(errs, fmt.Errorf("maximum: %v must not be below the minimum %v", l.Max, l.Min))
	}
	return errors.Join(errs...)
}

// The fixed numbers of the law, in seconds.
const (
	lookBack    = 60.0  // What rates are taken over.
	nearNow     = 2.0   // Age below which work does not wait; also what the frontier must move to tell a rate.
	settled     = 10.0  // How long it must be caught up before its own rate counts.
	historyKept = 600.0 // As far back as Monitoring's second newest sample can be.
	onset       = 15.0  // Over which the least rate of a step is taken, and verdicts are weighed.
	standing    = 30.0  // After which a frontier that has not moved is known to stand still.
	stepAge     = 7.5   // Age from which it is believed: a lump that is worked off sooner is none.
	memory      = 300.0 // The capacity's: older measurements weigh 1/e.
	changed     = 1.2   // A rate over a few seconds counts only when it differs by this factor from that of a minute.
	drift       = 0.01  // By which what was reached while saturated rises again in a minute.
	driftMost   = 1.5   // And how far above what was measured.
	saturation  = 30.0  // Pod seconds of it after which it tells a capacity.
	busySlots   = 0.8   // Share of the time of a pod's slots,
	busyCPU     = 0.3   // and of its processor, from which on it does what it can while messages wait.
	slack       = 1.1   // By which handlers may seem to take more than there is, and
	noise       = 5.0   // seconds of it that clocks may be off: a pod beyond both counts what cannot be.
	clockGap    = 0.2   // Between messages, at the most, while a pod's clock is learned,
	clockMost   = 5.0   // how far it may be off,
	clockSeen   = 6     // scrapes after which it counts,
	clockMemory = 60    // scrapes that it is the mean of,
	clockOff    = 1.0   // and how far off one pod's age may be nevertheless.
	shortAge    = 10.0  // To which arrivals since the frontier are asked for what waits,
	steadyGain  = 0.2   // how much of a new age counts in the steady one,
	within      = 3.0   // as long as it is within so many times its noise,
	deadShare   = 0.8   // and how many times that is no age at all.
	idleCPU     = 0.2   // Share of the processor below which acks say nothing about its cost.
)
