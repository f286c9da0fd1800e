package sim

import "math"

// Day is the length of the synthetic traces in seconds.
const Day = 24 * 3600

// maxSeconds bounds what a trace may hold: 31 days.
const maxSeconds = 31 * Day

// Trace is how many messages are published in each second.
type Trace struct {
	Name    string
	Arrived []float64
	// Onset is the second at which a step begins, and Peak the rate after it; 0 where there is none.
	Onset int
	Peak  float64
}

// dayShape is a day of 40 million messages: 185 to 741 a second, the fewest at 4:00 and the most at 16:00.
func dayShape(times float64) []float64 {
	out := make([]float64, Day)
	for t := range out {
		out[t] = times * (463 - 278*math.Cos(2*math.Pi*float64(t-4*3600)/Day))
	}
	return out
}

const morning = 10 * 3600 // When bursts begin, in seconds.

// NormalDay is 40 million messages, as a sine.
func NormalDay() Trace { return Trace{Name: "normal_day", Arrived: dayShape(1)} }

// BlackFriday is three times the normal day.
func BlackFriday() Trace { return Trace{Name: "blackfriday", Arrived: dayShape(3)} }

// BlackFridayBurst adds 5 minutes at 4000 a second, which 20 pods of 200 can just do.
func BlackFridayBurst() Trace {
	tr := Trace{Name: "blackfriday_burst", Arrived: dayShape(3), Onset: morning, Peak: 4000}
	for t := morning; t < morning+300; t++ {
		tr.Arrived[t] = tr.Peak
	}
	return tr
}

// Spike is the normal day with ten times its rate for 5 minutes.
func Spike() Trace {
	tr := Trace{Name: "spike", Arrived: dayShape(1), Onset: morning}
	tr.Peak = 10 * tr.Arrived[morning]
	for t := morning; t < morning+300; t++ {
		tr.Arrived[t] *= 10
	}
	return tr
}

// Bulk is the normal day with 2 million messages published at once.
func Bulk() Trace {
	tr := Trace{Name: "bulk", Arrived: dayShape(1), Onset: morning, Peak: 2e6}
	tr.Arrived[morning] += 2e6
	return tr
}

// Sawtooth is the normal day with bursts to 2000 a second for a minute, every 20 minutes.
func Sawtooth() Trace {
	tr := Trace{Name: "sawtooth", Arrived: dayShape(1)}
	for t := range tr.Arrived {
		if t%1200 < 60 {
			tr.Arrived[t] = 2000
		}
	}
	return tr
}

// Synthetic lists the traces that need no data.
func Synthetic() []Trace {
	return []Trace{NormalDay(), BlackFriday(), BlackFridayBurst(), Spike(), Bulk(), Sawtooth()}
}
