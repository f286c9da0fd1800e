package broker

import (
	"math"
	"sync"
	"sync/atomic"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"spillway/internal/emulator/wire"
)

// Subscription holds the messages of one subscription. Its methods are safe for concurrent use.
type Subscription struct {
	broker *Broker
	name   string
	uid    uint32 // tells ack ids of subscriptions that had the same name apart
	// due is the earliest instant at which something falls due, in nanoseconds; Tick reads it without the lock.
	due atomic.Int64

	mu       sync.Mutex
	config   *pubsubpb.Subscription // replaced, never modified
	policy   policy
	err      error // why the subscription serves no more; nil while it does
	log      log
	cursor   uint64 // every fresh entry is at or behind it
	oldest   uint64 // every unacknowledged entry is at or behind it
	again    queue[*entry]
	keys     map[string]*orderKey
	ready    int // entries that wait: fresh, queued or pending
	wheel    wheel
	nextTrim int64 // when retention may drop something, nanoseconds
	// readyKeys holds keys that no stream works on.
	readyKeys queue[*orderKey]
	streams   []*Stream
	rotation  int       // which stream is woken first
	turn      int       // which of the places where messages wait is looked at next
	forwards  []forward // messages to be dead-lettered when the lock is released
	counters  counters
}

// Name returns the full name.
func (s *Subscription) Name() string { return s.name }

// Config returns the configuration, which the caller must not modify.
func (s *Subscription) Config() *pubsubpb.Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config
}

// do runs f under the lock at an instant at which everything due has happened, then forwards what was dead-lettered.
func (s *Subscription) do(f func(now int64)) {
	s.mu.Lock()
	now := s.broker.now().UnixNano()
	s.advance(now)
	f(now)
	forwards := s.forwards
	s.forwards = nil
	s.due.Store(min(s.wheel.next(), s.nextTrim))
	s.mu.Unlock()
	s.broker.forward(forwards)
}

// append adds published messages that pass the filter. The topic's lock makes publish times ascend.
func (s *Subscription) append(messages []wire.Message, first uint64, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	before := s.ready
	for i := range messages {
		m := &messages[i]
		if s.policy.matches != nil && !s.policy.matches(wire.Attributes(m.Body)) {
			continue
		}
		e := s.log.push()
		e.body, e.size = m.Body, int32(m.Size) //nolint:gosec // at most 10 MB
		e.id, e.published = first+uint64(i), now
		s.admit(e, m.Key)
	}
	s.due.Store(min(s.due.Load(), s.nextTrim))
	s.wake(s.ready - before)
}

// admit makes an entry part of the backlog and lets it wait for its first delivery.
func (s *Subscription) admit(e *entry, key string) {
	s.counters.undelivered++
	s.counters.bytes += int64(e.size)
	s.ready++
	s.nextTrim = min(s.nextTrim, e.published+int64(s.policy.retention))
	if s.policy.ordered && key != "" {
		s.appendKeyed(e, key)
		return
	}
	e.state = fresh
}

// advance lets everything happen that is due at now: lease expiries, ends of retry back-offs, retention.
func (s *Subscription) advance(now int64) {
	before := s.ready
	for e := s.wheel.pop(now); e != nil; e = s.wheel.pop(now) {
		if e.state == leased {
			s.counters.expired++
			s.fail(e, now)
			continue
		}
		s.makeReady(e)
	}
	if now >= s.nextTrim {
		s.nextTrim = s.expireRetention(now)
	}
	if s.ready > before {
		s.wake(s.ready - before)
	}
}

// Tick lets everything happen that is due; when nothing is, it costs next to nothing.
func (s *Subscription) Tick() {
	if s.broker.now().UnixNano() >= s.due.Load() {
		s.do(func(int64) {})
	}
}

// expireRetention drops unacknowledged messages that are older than the subscription keeps them, and retained ones likewise.
// It returns when to look again. Messages ascend by publish time, so only the first of each kind matters.
func (s *Subscription) expireRetention(now int64) (next int64) {
	next = math.MaxInt64
	for {
		e := s.oldestUnacked()
		if e == nil {
			break
		}
		if end := e.published + int64(s.policy.retention); end > now {
			next = end
			break
		}
		s.settle(e, now)
	}
	for {
		e := s.log.at(s.log.seek(s.log.first, present))
		if e == nil || e.state != retained {
			return next
		}
		if end := e.published + int64(s.policy.keep); end > now {
			return min(next, end)
		}
		s.log.drop(e)
	}
}

// oldestUnacked returns the first message of the backlog, nil without one.
func (s *Subscription) oldestUnacked() *entry {
	s.oldest = s.log.seek(s.oldest, (*entry).unacked)
	return s.log.at(s.oldest)
}

// retains says whether an acknowledged message is still kept for a seek.
func (s *Subscription) retains(e *entry, now int64) bool {
	return s.policy.keep > 0 && e.published+int64(s.policy.keep) > now
}
