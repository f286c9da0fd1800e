package broker

import "time"

// Change is a new deadline for one delivery, counted from now. Zero is a nack.
type Change struct {
	ID       AckID
	Deadline time.Duration
}

// Failure is an ack id that had no effect, by its index in the call.
type Failure struct {
	Index int
	// Transient failures may succeed later: with exactly-once delivery and ordering, a key's messages are acknowledged in order.
	Transient bool
}

// Acknowledge settles messages and returns a Failure for each id that names no current lease. Without exactly-once delivery a
// late id still settles its message, and callers report no failure.
func (s *Subscription) Acknowledge(ids []AckID) (failed []Failure, err error) {
	s.do(func(now int64) {
		if err = s.err; err != nil {
			return
		}
		for i, id := range ids {
			e := s.leaseOf(id)
			if e == nil {
				failed = append(failed, Failure{Index: i})
				if e = s.find(id); e == nil || s.policy.exactlyOnce {
					continue
				}
			}
			if s.policy.exactlyOnce && e.key != nil && e.key.head != e {
				failed = append(failed, Failure{Index: i, Transient: true})
				continue
			}
			s.counters.acked[e.kind]++
			s.settle(e, now)
		}
	})
	return failed, err
}

// ModifyAckDeadline moves deadlines and returns a Failure for each id that names no current lease; those change nothing.
func (s *Subscription) ModifyAckDeadline(changes []Change) (failed []Failure, err error) {
	s.do(func(now int64) {
		if err = s.err; err != nil {
			return
		}
		before := s.ready
		for i, c := range changes {
			e := s.leaseOf(c.ID)
			switch {
			case e == nil:
				failed = append(failed, Failure{Index: i})
			case c.Deadline <= 0:
				s.counters.nacks++
				s.fail(e, now)
			default:
				s.wheel.remove(e)
				s.wheel.add(e, now+int64(c.Deadline))
			}
		}
		s.wake(s.ready - before)
	})
	return failed, err
}

// ExactlyOnce says whether stale ack ids are errors.
func (s *Subscription) ExactlyOnce() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.policy.exactlyOnce
}

// lease hands a waiting entry to a stream.
func (s *Subscription) lease(e *entry, st *Stream, now int64) Delivery {
	s.ready--
	e.state, e.stream, e.kind = leased, st, st.kind
	e.generation++
	s.wheel.add(e, now+int64(st.deadline))
	st.messages++
	st.bytes += int64(e.size)
	s.counters.outstanding[e.kind]++
	s.counters.sent[e.kind]++
	d := Delivery{
		AckID: AckID{subscription: s.uid, generation: e.generation, seq: e.seq},
		ID:    e.id, Published: e.published, Body: e.body,
	}
	if s.policy.deadLetter != "" {
		d.Attempt = int32(e.tries) + 1 //nolint:gosec // bounded by max_delivery_attempts
	}
	return d
}
