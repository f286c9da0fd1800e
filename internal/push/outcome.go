package push

import (
	"errors"
	"net/http"
	"time"
)

// Fate is what became of a message.
type Fate int

// The fates.
const (
	// Done messages need not come again.
	Done Fate = iota + 1
	// Failed messages shall come again.
	Failed
	// Late messages took longer than handling may.
	Late
	// Delayed messages shall come again after Outcome.Delay.
	Delayed
	// Busy means that there was no room for the message.
	Busy
	// Stopping means that the flow takes no messages: it is about to start, or to end.
	Stopping
)

// Outcome is the fate of one message.
type Outcome struct {
	Fate  Fate
	Delay time.Duration
}

// answer tells Pub/Sub the outcome. 204 acknowledges, everything else is a nack, after which Pub/Sub slows down; the different
// statuses are for people.
func answer(w http.ResponseWriter, o Outcome) {
	switch o.Fate {
	case Done:
		w.WriteHeader(http.StatusNoContent)
	case Late:
		http.Error(w, "the handler did not end in time", http.StatusGatewayTimeout)
	case Delayed:
		retryLater(w, http.StatusServiceUnavailable, o.Delay, "the handler asks for a delay")
	case Busy:
		retryLater(w, http.StatusTooManyRequests, busyRetry, "every handler is busy")
	case Stopping:
		retryLater(w, http.StatusServiceUnavailable, busyRetry, "the flow takes no messages now")
	case Failed:
		http.Error(w, "the message was not handled", http.StatusInternalServerError)
	default: // No fate is no acknowledgement.
		http.Error(w, "the message was not handled", http.StatusInternalServerError)
	}
}

// fault is what is wrong with a delivery. It never holds anything of the message.
type fault string

// Error implements error.
func (f fault) Error() string { return string(f) }

var errTooLarge = errors.New("the body is larger than Pub/Sub's largest message")

func statusOf(err error) int {
	if errors.Is(err, errTooLarge) {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}
