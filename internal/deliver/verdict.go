package deliver

import (
	"context"
	"time"

	"spillway/internal/backlog"
)

// Result is what shall become of a delivery.
type Result string

// The results, named as the metric's label values.
const (
	Ack         Result = "ack"
	Nack        Result = "nack"
	DelayedNack Result = "delayed_nack"
	DeadLetter  Result = "dead_letter"
	Drop        Result = "drop"
)

// Reason says why, in the metric's label values.
type Reason string

// The reasons.
const (
	OK       Reason = "ok"
	Error    Reason = "error"
	Timeout  Reason = "timeout"
	Panic    Reason = "panic"
	Shutdown Reason = "shutdown"
)

// Verdict is the fate of one delivery. The zero value is no verdict: a handler returns one of the results.
type Verdict struct {
	Result Result
	Reason Reason
	// Detail is a short text for people: the target's status, the handler's error, the reason given for a dead letter.
	Detail string
	// Delay is how long a delayed nack waits.
	Delay time.Duration
}

// Handler handles messages. Handle is called from many goroutines at once; it returns soon after ctx is done.
type Handler interface {
	Handle(ctx context.Context, m *backlog.Message) Verdict
}
