package page

import (
	"math"
	"strconv"
)

// Value is a number that may be unknown. Unknown is not zero: it is null in JSON and a gap in a chart.
type Value float64

// Unknown returns the value that is not known.
func Unknown() Value { return Value(math.NaN()) }

// Known says whether v is a number.
func (v Value) Known() bool { return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) }

// MarshalJSON writes at most three digits after the point, which is more than a chart shows.
func (v Value) MarshalJSON() ([]byte, error) {
	if !v.Known() {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, math.Round(float64(v)*1000)/1000, 'f', -1, 64), nil
}
