package sim

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// Day is the length of the synthetic traces in seconds.
const Day = 24 * 3600

// maxSeconds bounds what a trace may hold: 31 days.
const maxSeconds = 31 * Day

// ErrBadTrace is matched by the errors of traces that cannot be read.
var ErrBadTrace = errors.New("not a trace of arrivals")

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

// ReadCSV reads rows of "seconds,messages per second", each rate lasting until the next row and the last for as long as the one before it. A first
// row that is no numbers is a heading. Seconds may be Unix time: the first row is second 0.
func ReadCSV(name string, r io.Reader) (Trace, error) {
	rows := csv.NewReader(io.LimitReader(r, 256<<20))
	rows.FieldsPerRecord, rows.ReuseRecord, rows.TrimLeadingSpace = 2, true, true
	tr := Trace{Name: name}
	var first, last, rate float64
	var seen int
	for line := 1; ; line++ {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Trace{}, fmt.Errorf("%w: %w", ErrBadTrace, err)
		}
		at, errAt := strconv.ParseFloat(row[0], 64)
		value, errValue := strconv.ParseFloat(row[1], 64)
		if line == 1 && errAt != nil && errValue != nil {
			continue
		}
		if err := errors.Join(errAt, errValue); err != nil {
			return Trace{}, fmt.Errorf("%w: row %d: %w", ErrBadTrace, line, err)
		}
		if seen == 0 {
			first = at
		}
		at -= first
		if !(value >= 0 && value <= 1e12) || !(at >= 0 && at <= maxSeconds) || (seen > 0 && at <= last) {
			return Trace{}, fmt.Errorf("%w: row %d: times must rise and span 31 days at the most, rates must be from 0 to 1e12", ErrBadTrace, line)
		}
		tr.Arrived = lasting(tr.Arrived, rate, at)
		last, rate = at, value
		seen++
	}
	if seen < 2 {
		return Trace{}, fmt.Errorf("%w: it needs two rows", ErrBadTrace)
	}
	end := math.Min(maxSeconds, last+math.Max(1, last/float64(seen-1)))
	tr.Arrived = lasting(tr.Arrived, rate, end)
	return tr, nil
}

// lasting appends a rate until the second until.
func lasting(seconds []float64, rate, until float64) []float64 {
	for float64(len(seconds)) < math.Floor(until) {
		seconds = append(seconds, rate)
	}
	return seconds
}
