package nowcast

import (
	"time"

	"spillway/internal/backlog"
)

// Estimate is a value, the instant it speaks for, its state, and how far off it may be. With the state Absent the rest means nothing.
type Estimate struct {
	backlog.Reading
	// Margin is by how much the value may be off, in its own unit, for clocks and counts; 0 for values that are not carried.
	Margin float64
}

// Result is what one tick comes to.
type Result struct {
	// Backlog is in messages, those in flight included.
	Backlog Estimate
	// ArrivalRate and Capacity (of one pod) are in messages per second.
	ArrivalRate, Capacity Estimate
	// Desired is in pods, to hundredths.
	Desired Estimate
	// Drain is the seconds until no work waits with the pods that there are; absent while they do not keep up.
	Drain Estimate
	// Explanation has every input and the arithmetic.
	Explanation Explanation
}

func estimate(v, margin float64, at, now time.Time, state backlog.State) Estimate {
	return Estimate{
		Reading: backlog.Reading{Sample: backlog.Sample{Value: max(0, finite(v)), At: at}, State: state, Age: max(0, now.Sub(at))},
		Margin:  max(0, finite(margin)),
	}
}
