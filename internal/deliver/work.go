package deliver

import (
	"context"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/lifecycle"
)

// Discard acks every message at once.
type Discard struct{}

// Handle implements Handler.
func (Discard) Handle(context.Context, *backlog.Message) Verdict {
	return Verdict{Result: Ack, Reason: OK}
}

// Work is synthetic work: it waits, computes, and fails now and then.
type Work struct {
	// Duration is how long each message waits, as for a database or a remote call.
	Duration time.Duration
	// CPU is how long each message computes on one core.
	CPU time.Duration
	// ErrorRate is the share of messages that are nacked, 0 to 1.
	ErrorRate float64
}

// Handle implements Handler.
func (w Work) Handle(ctx context.Context, m *backlog.Message) Verdict {
	compute(ctx, w.CPU, m.Data)
	if w.Duration > 0 {
		lifecycle.Sleep(ctx, w.Duration)
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return Verdict{Result: Nack, Reason: Timeout, Detail: "not done in time"}
	case ctx.Err() != nil:
		return Verdict{Result: Nack, Reason: Error, Detail: ctx.Err().Error()}
	case w.ErrorRate > 0 && rand.Float64() < w.ErrorRate: //nolint:gosec // Synthetic failures need no secrecy.
		return Verdict{Result: Nack, Reason: Error, Detail: "synthetic failure"}
	}
	return Verdict{Result: Ack, Reason: OK}
}

// compute keeps one core busy for d, in steps of some microseconds so that it ends soon after ctx.
func compute(ctx context.Context, d time.Duration, data []byte) {
	if d <= 0 {
		return
	}
	sum := sha256.Sum256(data)
	for end := time.Now().Add(d); ctx.Err() == nil && time.Now().Before(end); {
		for range 16 {
			sum = sha256.Sum256(sum[:])
		}
	}
}
