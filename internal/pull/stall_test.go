package pull

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc"
)

// backlogged is a stream that holds a response, and after it nothing but its end.
type backlogged struct {
	grpc.ClientStream
	responses int
}

func (b *backlogged) RecvMsg(any) error {
	if b.responses == 0 {
		return io.EOF
	}
	b.responses--
	return nil
}

func TestAfterAStallTheStreamIsReadToItsEndAndDropped(t *testing.T) {
	life, end := context.WithCancelCause(t.Context())
	n := &session{
		stream: &backlogged{responses: 1}, in: newInventory(0, 1, nil), heard: &hearing{}, end: end,
		stall: newStall(time.Now().Add(-2*time.Minute), time.Minute),
	}
	if err := n.read(t.Context()); !errors.Is(err, io.EOF) { // Otherwise it would count as connected for ever.
		t.Errorf("got %v, want the stream's own end", err)
	}
	if !errors.Is(context.Cause(life), errStalled) {
		t.Errorf("the stream was ended by %v", context.Cause(life))
	}
}

func TestAStall(t *testing.T) {
	begin := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	s := newStall(begin, time.Minute)
	steps := []struct {
		name string
		at   time.Duration
		want bool
	}{
		{"a beat each second is none", time.Second, false},
		{"nor is a gap that leaves leases alive", 59 * time.Second, false},
		{"a gap as long as a lease is one", 2*time.Minute + 59*time.Second, true},
		{"whoever asks next hears of it too", 3 * time.Minute, true},
	}
	for _, step := range steps {
		if got := s.beat(begin.Add(step.at)); got != step.want {
			t.Errorf("%s: got %t", step.name, got)
		}
	}
}
