package pull

import (
	"errors"
	"sync"
	"time"
)

// settling is how long a stream that could not be verified beforehand must live to count as open. Refusals come within
// a round trip.
const settling = 2 * time.Second

// errNotOpen is what a subscriber reports before its first stream is open.
var errNotOpen = errors.New("the stream has not been opened yet")

// state is what is known of the receiving side; safe for concurrent use.
type state struct {
	mu       sync.Mutex
	verified bool      // the subscription was seen to exist
	open     int       // streams open now
	since    time.Time // when the newest of them opened
	once     bool      // a stream has been open since the last permanent failure
	lost     error     // the permanent failure that receiving has not got over yet
}

// begin starts an attempt; verified says that the subscription was just seen to exist.
func (s *state) begin(verified bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verified = verified
}

func (s *state) opened(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	s.since = now
}

// received notes a response: whoever sends one has opened a stream.
func (s *state) received() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verified, s.once, s.lost = true, true, nil
}

func (s *state) closed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

// fail notes a permanent failure.
func (s *state) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.once, s.lost = false, err
}

// ready returns nil when a stream has been open since the last permanent failure, else what stands in the way.
func (s *state) ready(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open > 0 && (s.verified || now.Sub(s.since) >= settling) {
		s.once, s.lost = true, nil
	}
	switch {
	case s.once:
		return nil
	case s.lost != nil:
		return s.lost
	}
	return errNotOpen
}
