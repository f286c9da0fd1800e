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

// Seen is a sample with what this process's own clock says about its age. It keeps a wall clock that is set back from
// making an old sample young again.
type Seen struct {
	Sample
	// When the sample was first seen, with the clock's monotonic reading, and how old it was then.
	When time.Time
	Old  time.Duration
}

// See notes that a sample is seen at now.
func See(s Sample, now time.Time) Seen { return Seen{Sample: s, When: now, Old: max(0, now.Sub(s.At))} }

// Read judges the sample at now, by the greater of the ages that the wall clock and the monotonic clock give.
func (s Seen) Read(now time.Time, limits Limits) Reading {
	if s.At.IsZero() {
		return Reading{}
	}
	return judge(s.Sample, max(now.Sub(s.At), s.Old+now.Sub(s.When)), limits)
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
	return judge(s, now.Sub(s.At), limits)
}

func judge(s Sample, age time.Duration, limits Limits) Reading {
	r := Reading{Sample: s, Age: max(0, age)}
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

// Point is one point of a time series: a level at End, or what was added after Start and until End.
type Point struct {
	Start, End time.Time
	Value      float64
}

// Measured is one time series as Monitoring gave it.
type Measured struct {
	// ID is the short ID of the subscription, or of the topic for a topic's metric.
	ID string
	// Labels are the metric's own, in the order of their names.
	Labels []Label
	// Points are those that make sense, in no order.
	Points []Point
}
