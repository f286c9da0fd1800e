package cloudmon

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// errMalformed is matched by every error of the decoder.
var errMalformed = errors.New("malformed ListTimeSeriesResponse")

// field is one field of an encoded message. Its bytes are those of the answer.
type field struct {
	id     protowire.Number
	kind   protowire.Type
	number uint64 // of a varint or fixed64
	bytes  []byte // of a length-delimited field
}

func (f field) is(id protowire.Number, kind protowire.Type) bool { return f.id == id && f.kind == kind }

// fields yields the fields of an encoded message in order. An error comes last.
func fields(b []byte) iter.Seq2[field, error] {
	return func(yield func(field, error) bool) {
		for len(b) > 0 {
			f, n := nextField(b)
			if n < 0 {
				yield(field{}, fmt.Errorf("%w: %w", errMalformed, protowire.ParseError(n)))
				return
			}
			b = b[n:]
			if !yield(f, nil) {
				return
			}
		}
	}
}

// badNumber is protowire's code for an invalid field number.
const badNumber = -2

func nextField(b []byte) (f field, n int) {
	id, kind, tag := protowire.ConsumeTag(b)
	switch {
	case tag < 0:
		return f, tag
	case id > protowire.MaxValidNumber:
		return f, badNumber
	}
	f.id, f.kind = id, kind
	switch kind {
	case protowire.VarintType:
		f.number, n = protowire.ConsumeVarint(b[tag:])
	case protowire.Fixed64Type:
		f.number, n = protowire.ConsumeFixed64(b[tag:])
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(b[tag:])
	default:
		n = protowire.ConsumeFieldValue(id, kind, b[tag:])
	}
	if n < 0 {
		return f, n
	}
	return f, tag + n
}

// rawSeries is a TimeSeries as far as it is read. Its bytes are those of the answer.
type rawSeries struct {
	metric, project, id []byte
	labels              []rawLabel // the metric's
	points              [][]byte
}

type rawLabel struct{ name, value []byte }

// decode reads a series, whose resource names its owner by a label.
func (s *rawSeries) decode(b []byte, owner string) error {
	*s = rawSeries{labels: s.labels[:0], points: s.points[:0]}
	for f, err := range fields(b) {
		switch {
		case err != nil:
			return err
		case f.is(1, protowire.BytesType):
			err = s.decodeMetric(f.bytes)
		case f.is(2, protowire.BytesType):
			err = s.decodeResource(f.bytes, owner)
		case f.is(5, protowire.BytesType):
			s.points = append(s.points, f.bytes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// decodeMetric reads a google.api.Metric. Of labels with the same name the last one counts.
func (s *rawSeries) decodeMetric(b []byte) error {
	for f, err := range fields(b) {
		switch {
		case err != nil:
			return err
		case f.is(3, protowire.BytesType):
			s.metric = f.bytes
		case f.is(2, protowire.BytesType):
			l, err := decodeLabel(f.bytes)
			if err != nil {
				return err
			}
			if i := slices.IndexFunc(s.labels, func(o rawLabel) bool { return bytes.Equal(o.name, l.name) }); i >= 0 {
				s.labels[i] = l
			} else {
				s.labels = append(s.labels, l)
			}
		}
	}
	return nil
}

// decodeResource reads a google.api.MonitoredResource.
func (s *rawSeries) decodeResource(b []byte, owner string) error {
	for f, err := range fields(b) {
		if err != nil {
			return err
		}
		if !f.is(2, protowire.BytesType) {
			continue
		}
		l, err := decodeLabel(f.bytes)
		switch {
		case err != nil:
			return err
		case string(l.name) == "project_id":
			s.project = l.value
		case string(l.name) == owner:
			s.id = l.value
		}
	}
	return nil
}

// decodeLabel reads an entry of a map of strings, which are UTF-8.
func decodeLabel(b []byte) (l rawLabel, err error) {
	for f, err := range fields(b) {
		switch {
		case err != nil:
			return l, err
		case f.is(1, protowire.BytesType):
			l.name = f.bytes
		case f.is(2, protowire.BytesType):
			l.value = f.bytes
		}
	}
	if !utf8.Valid(l.name) || !utf8.Valid(l.value) {
		return l, fmt.Errorf("%w: a label is not UTF-8", errMalformed)
	}
	return l, nil
}

// rawPoint is a Point.
type rawPoint struct {
	start, end timestamp
	number     bool // it has a value that is one
	value      float64
}

func (p *rawPoint) decode(b []byte) error {
	for f, err := range fields(b) {
		switch {
		case err != nil:
			return err
		case f.is(1, protowire.BytesType):
			err = p.decodeInterval(f.bytes)
		case f.is(2, protowire.BytesType):
			err = p.decodeValue(f.bytes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// decodeInterval reads a TimeInterval.
func (p *rawPoint) decodeInterval(b []byte) error {
	for f, err := range fields(b) {
		switch {
		case err != nil:
			return err
		case f.is(1, protowire.BytesType):
			err = p.start.decode(f.bytes)
		case f.is(2, protowire.BytesType):
			err = p.end.decode(f.bytes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// decodeValue reads a TypedValue, of which the last field counts.
func (p *rawPoint) decodeValue(b []byte) error {
	for f, err := range fields(b) {
		switch {
		case err != nil:
			return err
		case f.is(1, protowire.VarintType):
			p.number, p.value = true, 0
			if f.number != 0 {
				p.value = 1
			}
		case f.is(2, protowire.VarintType):
			p.number, p.value = true, float64(int64(f.number)) //nolint:gosec // an int64 on the wire
		case f.is(3, protowire.Fixed64Type):
			p.number, p.value = true, math.Float64frombits(f.number)
		case f.is(4, protowire.BytesType), f.is(5, protowire.BytesType):
			p.number = false
		}
	}
	return nil
}

// timestamp is a google.protobuf.Timestamp, if there is one.
type timestamp struct {
	there          bool
	seconds, nanos int64
}

func (t *timestamp) decode(b []byte) error {
	t.there = true
	for f, err := range fields(b) {
		switch {
		case err != nil:
			return err
		case f.is(1, protowire.VarintType):
			t.seconds = int64(f.number) //nolint:gosec // an int64 on the wire
		case f.is(2, protowire.VarintType):
			t.nanos = int64(int32(f.number)) //nolint:gosec // an int32 on the wire is a truncated varint
		}
	}
	return nil
}

// The years 1 to 9999, in seconds since 1970.
const (
	firstSecond = -62_135_596_800
	lastSecond  = 253_402_300_799
)

func (t timestamp) valid() bool {
	return t.there && t.seconds >= firstSecond && t.seconds <= lastSecond && t.nanos >= 0 && t.nanos < int64(time.Second)
}

func (t timestamp) time() time.Time { return time.Unix(t.seconds, t.nanos).UTC() }
