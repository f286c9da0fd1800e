package consume

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// slots bounds the handlers that run at once. As long as there is room, taking and giving back a slot is one atomic
// operation each. It is safe for concurrent use.
type slots struct {
	limit   int64
	taken   atomic.Int64
	resting atomic.Int64 // of those taken
	waiting atomic.Int64 // len(queue), to be read without the lock

	mu    sync.Mutex
	queue []chan struct{} // of those that wait, the first in front; closed to let one try again
}

func newSlots(limit int) *slots { return &slots{limit: int64(limit)} }

// held returns how many slots are taken by messages that are being handled.
func (s *slots) held() int { return int(s.taken.Load() - s.resting.Load()) }

// rest notes that n more slots, or fewer, are taken by messages that wait for something before their handler.
func (s *slots) rest(n int) { s.resting.Add(int64(n)) }

// try takes a slot if there is one.
func (s *slots) try() bool {
	for n := s.taken.Load(); n < s.limit; n = s.taken.Load() {
		if s.taken.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

// take waits for a slot. It reports false, and takes none, when ctx is done.
func (s *slots) take(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	for {
		if s.try() {
			return true
		}
		turn := s.line()
		if s.try() { // One was given back before this one stood in line.
			s.leave(turn)
			return true
		}
		select {
		case <-turn:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			s.leave(turn) // Looked at once: who is called up and goes must not do so silently.
			return false
		}
	}
}

// line joins the queue.
func (s *slots) line() chan struct{} {
	turn := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, turn)
	s.waiting.Store(int64(len(s.queue)))
	return turn
}

// leave ends a wait. Whoever was called up and goes passes the call on.
func (s *slots) leave(turn chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.queue, turn); i >= 0 {
		s.queue = slices.Delete(s.queue, i, i+1)
		s.waiting.Store(int64(len(s.queue)))
		return
	}
	s.callUp()
}

// give gives a slot back.
func (s *slots) give() {
	s.taken.Add(-1)
	if s.waiting.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callUp()
}

// callUp lets the first in the queue try again. The lock is held.
func (s *slots) callUp() {
	if len(s.queue) == 0 {
		return
	}
	close(s.queue[0])
	s.queue = slices.Delete(s.queue, 0, 1)
	s.waiting.Store(int64(len(s.queue)))
}
