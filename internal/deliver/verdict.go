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

// The reasons that any handler may give.
const (
	OK       Reason = "ok"
	Error    Reason = "error" // the handler's own failure
	Timeout  Reason = "timeout"
	Panic    Reason = "panic"
	Shutdown Reason = "shutdown"
)

// The reasons of an HTTP target.
const (
	Unreachable Reason = "unreachable" // no connection could be made
	Connection  Reason = "connection"  // it ended, or spoke no HTTP, before there was an answer
	Unavailable Reason = "unavailable" // 502, 503 or 504
	Status1xx   Reason = "status_1xx"
	Status2xx   Reason = "status_2xx" // one that Pub/Sub does not take for an ack
	Status3xx   Reason = "status_3xx"
	Status4xx   Reason = "status_4xx"
	Status5xx   Reason = "status_5xx" // but for those of Unavailable
	StatusOther Reason = "status_other"
	Asked       Reason = "verdict" // the target said so in its Spillway-Verdict header
)

// Verdict is the fate of one delivery. The zero value is no verdict: a handler returns one of the results.
type Verdict struct {
	Result Result
	Reason Reason
	// Detail is a short text for people: the target's status, the handler's error, the reason given for a dead letter.
	Detail string
	// Delay is how long a delayed nack waits.
	Delay time.Duration
	// Unsent says of a nack that nobody has seen the message: it may be handled later as if it had not been tried.
	Unsent bool
}

// Handler handles messages. Handle is called from many goroutines at once; it returns soon after ctx is done.
type Handler interface {
	Handle(ctx context.Context, m *backlog.Message) Verdict
}
