package pull

import (
	"errors"
	"sync"
	"time"
)

// errStalled ends a stream after this process was stopped for longer than a lease.
var errStalled = errors.New("this process stood still for longer than a lease")

// stall finds out that this process did not run (SIGSTOP, a paused machine, no CPU): it is told the time regularly and
// notices a gap. What the server sent in one that is longer than a lease has been given to others meanwhile; to handle it
// would repeat it. It is safe for concurrent use.
type stall struct {
	limit time.Duration
	mu    sync.Mutex
	last  time.Time
	over  bool
}

// newStall begins at now. A gap that leaves the keeper time to extend what is left of a lease is none.
func newStall(now time.Time, lease time.Duration) *stall {
	return &stall{limit: lease - 2*keeperTick, last: now}
}

// beat notes that the process runs at now and reports whether there has ever been a gap.
func (s *stall) beat(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = s.over || now.Sub(s.last) > s.limit
	s.last = now
	return s.over
}
