package backlog

import "time"

// Sample is a value and the instant at which it was true.
type Sample struct {
	Value float64
	At    time.Time
}

// State says how far a reading may be believed.
type State int

// The states of a reading. The zero value is Absent: unknown is never zero.
const (
	// Absent means that nothing is known, or that what was known is too old to repeat.
	Absent State = iota
	// Held means that the source has a gap and the last value is repeated, within a bound.
	Held
	// Fresh means that the sample is no older than its source makes normal.
	Fresh
)

// States lists every state, for code that renders one series per state.
func States() []State { return []State{Absent, Held, Fresh} }

// String returns the lower-case word that metrics and logs use.
func (s State) String() string {
	switch s {
	case Fresh:
		return "fresh"
	case Held:
		return "held"
	case Absent:
		return "absent"
	default:
		return "unknown"
	}
}

// Limits bounds the ages at which a sample is still believed.
type Limits struct {
	// Fresh is the greatest age of a fresh sample: sampling period, visibility delay and polling interval together.
	Fresh time.Duration
	// Hold is how much longer the value is repeated while nothing newer comes.
	Hold time.Duration
}

// Reading is a sample together with its state at one instant. With the state Absent the sample means nothing.
type Reading struct {
	Sample
	State State
	// Age is how long before that instant the sample was true; never negative, because clocks differ a little.
	Age time.Duration
}

// Read judges a sample at now. A sample with a zero time was never seen and reads Absent.
func Read(s Sample, now time.Time, limits Limits) Reading {
	if s.At.IsZero() {
		return Reading{}
	}
	r := Reading{Sample: s, Age: max(0, now.Sub(s.At))}
	switch {
	case r.Age <= limits.Fresh:
		r.State = Fresh
	case r.Age <= limits.Fresh+limits.Hold:
		r.State = Held
	default:
		r.State = Absent
	}
	return r
}
