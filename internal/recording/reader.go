package recording

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"spillway/internal/backlog"
	"spillway/internal/nowcast"
)

// maxLine bounds one tick: 10,000 pods of 400 bytes.
const maxLine = 4 << 20

// ErrNotOne says that something is no recording, or one of another version.
var ErrNotOne = errors.New("not a recording of this version")

// Read returns the ticks in the order in which they were written, and ends with an error where something is no tick. The last line may
// be cut off, as a program that is killed leaves it: it is left out.
func Read(r io.Reader) iter.Seq2[Tick, error] {
	return func(yield func(Tick, error) bool) {
		reader := &reader{in: bufio.NewReaderSize(r, 64<<10), flows: map[int]flow{}}
		for {
			t, err := reader.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Tick{}, fmt.Errorf("line %d: %w", reader.number, err))
				return
			}
			if !yield(t, nil) {
				return
			}
		}
	}
}

// reader knows the flows that have been introduced.
type reader struct {
	in     *bufio.Reader
	number int
	flows  map[int]flow
}

type flow struct {
	Flow
	law nowcast.Law
}

// next returns the next tick.
func (r *reader) next() (Tick, error) {
	for {
		var l line
		if err := r.line(&l); err != nil {
			return Tick{}, err
		}
		switch {
		case r.number == 1:
			if l.Version == nil || *l.Version != Version {
				return Tick{}, fmt.Errorf("%w (%d)", ErrNotOne, Version)
			}
		case l.Flow != nil:
			if err := r.introduce(&l); err != nil {
				return Tick{}, err
			}
		case l.Of != nil:
			f, known := r.flows[*l.Of]
			if !known {
				return Tick{}, fmt.Errorf("flow %d has not been introduced", *l.Of)
			}
			return Tick{Flow: f.Flow, Law: f.law, Input: l.input(), Desired: l.desired()}, nil
		}
	}
}

func (r *reader) introduce(l *line) error {
	sub, err := backlog.ParseSubscription(l.Subscription, "")
	if err != nil {
		return err
	}
	if l.Law == nil {
		return errors.New("the flow has no law")
	}
	law := l.Law.law()
	if err := law.Validate(); err != nil {
		return err
	}
	r.flows[*l.Flow] = flow{Flow{sub, l.Autoscaler}, law}
	return nil
}

// line reads one whole line.
func (r *reader) line(l *line) error {
	var text []byte
	r.number++
	for {
		part, err := r.in.ReadSlice('\n')
		text = append(text, part...)
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err // io.EOF: the rest has no end, so it is none
		}
		if len(text) > maxLine {
			return fmt.Errorf("more than %d bytes", maxLine)
		}
	}
	if err := json.Unmarshal(text, l); err != nil {
		return fmt.Errorf("%w: %w", ErrNotOne, err)
	}
	return nil
}
