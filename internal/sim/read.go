package sim

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// ErrBadTrace is matched by the errors of traces that cannot be read.
var ErrBadTrace = errors.New("not a trace of arrivals")

// maxTrace bounds what is read of a trace, in bytes: 31 days of seconds are 60 MB.
const maxTrace = 256 << 20

// ReadCSV reads rows of "seconds,messages per second", each rate lasting until the next row and the last for as long as the one before it. A first
// row that is no numbers is a heading. Seconds may be Unix time: the first row is second 0.
func ReadCSV(name string, r io.Reader) (Trace, error) {
	rows := csv.NewReader(io.LimitReader(r, maxTrace))
	rows.FieldsPerRecord, rows.ReuseRecord, rows.TrimLeadingSpace = 2, true, true
	var b builder
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
		if errAt != nil || errValue != nil {
			return Trace{}, fmt.Errorf("%w: row %d: %q and %q are not both numbers", ErrBadTrace, line, row[0], row[1])
		}
		if !b.add(at, value) {
			return Trace{}, fmt.Errorf("%w: row %d: %w", ErrBadTrace, line, errBounds)
		}
	}
	return b.trace(name)
}

// answer is what Prometheus' HTTP API says to /api/v1/query_range.
type answer struct {
	Status string `json:"status"`
	Error  string `json:"error"`
	Data   struct {
		ResultType string `json:"resultType"`
		Result     []struct {
			Values [][2]json.RawMessage `json:"values"`
		} `json:"result"`
	} `json:"data"`
}

// ReadPrometheus reads the answer of Prometheus' HTTP API to a range query of one series, messages per second. Where the series has a gap, or a
// value that is no number, the rate before lasts.
func ReadPrometheus(name string, r io.Reader) (Trace, error) {
	var a answer
	if err := json.NewDecoder(io.LimitReader(r, maxTrace)).Decode(&a); err != nil {
		return Trace{}, fmt.Errorf("%w: the answer is not that of Prometheus' HTTP API: %w", ErrBadTrace, err)
	}
	switch n := len(a.Data.Result); {
	case a.Status != "success":
		return Trace{}, fmt.Errorf("%w: Prometheus says %q: %s", ErrBadTrace, a.Status, a.Error)
	case a.Data.ResultType != "matrix":
		return Trace{}, fmt.Errorf("%w: the result is a %q; ask query_range, which answers with a matrix", ErrBadTrace, a.Data.ResultType)
	case n == 0:
		return Trace{}, fmt.Errorf("%w: the query has no series in that time", ErrBadTrace)
	case n > 1:
		return Trace{}, fmt.Errorf("%w: the query has %d series; put sum() around it", ErrBadTrace, n)
	}
	var b builder
	for i, pair := range a.Data.Result[0].Values {
		at, value, err := sampleOf(pair)
		if err != nil {
			return Trace{}, fmt.Errorf("%w: value %d: %w", ErrBadTrace, i+1, err)
		}
		if math.IsNaN(value) {
			continue
		}
		if !b.add(at, value) {
			return Trace{}, fmt.Errorf("%w: value %d: %w", ErrBadTrace, i+1, errBounds)
		}
	}
	return b.trace(name)
}

// sampleOf reads [seconds, "value"].
func sampleOf(pair [2]json.RawMessage) (at, value float64, err error) {
	var text string
	if err := errors.Join(json.Unmarshal(pair[0], &at), json.Unmarshal(pair[1], &text)); err != nil {
		return 0, 0, err
	}
	value, err = strconv.ParseFloat(text, 64)
	return at, value, err
}

var errBounds = errors.New("times must rise and span 31 days at the most, rates must be from 0 to 1e12")

// builder makes a trace of rates, each of which lasts until the next.
type builder struct {
	seconds           []float64
	first, last, rate float64
	seen              int
}

// add reports whether the rate can follow those before it.
func (b *builder) add(at, rate float64) bool {
	if b.seen == 0 {
		b.first = at
	}
	at -= b.first
	if !(rate >= 0 && rate <= 1e12) || !(at >= 0 && at <= maxSeconds) || (b.seen > 0 && at <= b.last) {
		return false
	}
	b.lasting(at)
	b.last, b.rate = at, rate
	b.seen++
	return true
}

// lasting goes on with the last rate until the second until.
func (b *builder) lasting(until float64) {
	for float64(len(b.seconds)) < math.Floor(until) {
		b.seconds = append(b.seconds, b.rate)
	}
}

func (b *builder) trace(name string) (Trace, error) {
	if b.seen < 2 {
		return Trace{}, fmt.Errorf("%w: it needs two rows", ErrBadTrace)
	}
	b.lasting(math.Min(maxSeconds, b.last+math.Max(1, b.last/float64(b.seen-1))))
	return Trace{Name: name, Arrived: b.seconds}, nil
}
