package broker

// release ends a lease: the stream's flow control gets its room back.
func (s *Subscription) release(e *entry) {
	s.wheel.remove(e)
	s.counters.outstanding[e.kind]--
	st := e.stream
	e.stream = nil
	if st == nil {
		return
	}
	st.messages--
	st.bytes -= int64(e.size)
	if s.ready > 0 {
		st.signal()
	}
}

// settle takes a message out of the backlog, whatever its state is.
func (s *Subscription) settle(e *entry, now int64) {
	switch {
	case e.state == leased:
		s.release(e)
		if e.key != nil {
			e.key.leased--
		}
	case e.state == delayed:
		s.wheel.remove(e)
	case e.waiting():
		s.ready--
	}
	s.counters.undelivered--
	s.counters.bytes -= int64(e.size)
	e.state = gone
	if e.key != nil {
		s.unlink(e)
	}
	if s.retains(e, now) {
		e.state = retained
		s.nextTrim = min(s.nextTrim, e.published+int64(s.policy.keep))
		return
	}
	s.log.drop(e)
}

// fail ends a lease by a nack or an expiry and decides when the message comes again, if it does.
func (s *Subscription) fail(e *entry, now int64) {
	s.release(e)
	e.tries++
	if e.key != nil {
		e.key.leased--
		s.rewind(e)
	}
	e.state = delayed
	switch {
	case s.exhausted(e):
		s.forwards = append(s.forwards, s.deadLetter(e))
		s.settle(e, now)
	case s.policy.retry:
		s.wheel.add(e, now+int64(backoff(s.policy.minBackoff, s.policy.maxBackoff, e.tries)))
		if e.key != nil {
			s.offer(e.key)
		}
	default:
		s.makeReady(e)
	}
}

// makeReady lets a message that has been delivered before wait for its next delivery.
func (s *Subscription) makeReady(e *entry) {
	s.ready++
	if e.key != nil {
		e.state = pending
		s.offer(e.key)
		return
	}
	e.state = queued
	s.again.push(e)
}

// leaseOf returns the entry that id names if id is its current, unexpired delivery.
func (s *Subscription) leaseOf(id AckID) *entry {
	e := s.find(id)
	if e == nil || e.state != leased || e.generation != id.generation {
		return nil
	}
	return e
}

func (s *Subscription) find(id AckID) *entry {
	if id.subscription != s.uid {
		return nil
	}
	e := s.log.at(id.seq)
	if e == nil || !e.unacked() || id.generation == 0 || id.generation > e.generation {
		return nil
	}
	return e
}
