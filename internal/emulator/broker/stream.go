package broker

import "time"

// Delivery is one message handed to a subscriber.
type Delivery struct {
	AckID     AckID
	ID        uint64
	Published int64 // nanoseconds since the Unix epoch
	Attempt   int32 // 1 + nacks + expiries with a dead-letter policy, else 0
	Body      []byte
}

// Limits is a stream's flow control. Zero and negative values mean no limit.
type Limits struct {
	Messages int64
	Bytes    int64
}

// Stream is one subscriber's way to messages: a StreamingPull, a Pull call or a push loop.
type Stream struct {
	sub    *Subscription
	kind   Kind
	limits Limits
	wake   chan struct{}
	done   chan struct{}

	// The rest belongs to sub.mu.
	err      error // why the stream was ended from this side
	closed   bool
	deadline time.Duration
	messages int64 // leased by this stream
	bytes    int64
	keys     queue[*orderKey] // ordering keys that this stream works on
}

// Open starts a stream. A zero deadline is the subscription's own. The caller must Close it.
func (s *Subscription) Open(kind Kind, limits Limits, deadline time.Duration) (*Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	if deadline <= 0 {
		deadline = s.policy.ackDeadline
	}
	st := &Stream{
		sub: s, kind: kind, limits: limits, deadline: deadline,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	s.streams = append(s.streams, st)
	if s.ready > 0 {
		st.signal()
	}
	return st, nil
}

// Wake receives a value when Next may have something.
func (st *Stream) Wake() <-chan struct{} { return st.wake }

// Done is closed when the subscription ends the stream; Err then says why.
func (st *Stream) Done() <-chan struct{} { return st.done }

// Err says why the subscription ended the stream, nil while it has not.
func (st *Stream) Err() error {
	st.sub.mu.Lock()
	defer st.sub.mu.Unlock()
	return st.err
}

// SetDeadline changes the ack deadline of later deliveries.
func (st *Stream) SetDeadline(d time.Duration) {
	st.sub.mu.Lock()
	defer st.sub.mu.Unlock()
	st.deadline = d
}

// Close takes the stream out of the subscription. Its leases stay until they are settled or expire, as at the service.
func (st *Stream) Close() {
	st.sub.mu.Lock()
	defer st.sub.mu.Unlock()
	st.sub.detach(st)
}

// Next appends to dst what the stream may have now: at most the given number of messages, at most about the given number of
// bytes, within its flow control, and its fair share when several streams are hungry. It never blocks.
func (st *Stream) Next(dst []Delivery, messages, size int) []Delivery {
	st.sub.do(func(now int64) {
		if st.closed {
			return
		}
		dst = st.sub.deliver(st, dst, messages, size, now)
	})
	return dst
}

func (s *Subscription) deliver(st *Stream, dst []Delivery, messages, size int, now int64) []Delivery {
	for range min(messages, s.share(st)) {
		if size <= 0 || !st.hungry() {
			break
		}
		e := s.take(st)
		if e == nil {
			return dst // what waits is for other streams
		}
		size -= int(e.size)
		dst = append(dst, s.lease(e, st, now))
	}
	if s.ready > 0 && st.hungry() {
		st.signal()
	}
	return dst
}

// share is the stream's part of what waits now, at least 1.
func (s *Subscription) share(st *Stream) int {
	hungry := 0
	for _, other := range s.streams {
		if other == st || other.hungry() {
			hungry++
		}
	}
	return (s.ready + hungry - 1) / max(1, hungry)
}

// take removes the next message for st from one of the three places where messages wait, which take turns.
func (s *Subscription) take(st *Stream) *entry {
	for range 3 {
		s.turn++
		var e *entry
		switch s.turn % 3 {
		case 0:
			e = s.takeAgain()
		case 1:
			e = s.takeKeyed(st)
		default:
			e = s.takeFresh()
		}
		if e != nil {
			return e
		}
	}
	return nil
}

func (s *Subscription) takeAgain() *entry {
	for {
		e, ok := s.again.peek()
		if !ok {
			return nil
		}
		s.again.pop()
		if e.state == queued {
			return e
		}
	}
}

func (s *Subscription) takeFresh() *entry {
	s.cursor = s.log.seek(s.cursor, func(e *entry) bool { return e.state == fresh })
	e := s.log.at(s.cursor)
	if e != nil {
		s.cursor++
	}
	return e
}

// hungry says whether flow control allows one more message. A limit on bytes may be passed by the last message.
func (st *Stream) hungry() bool {
	return (st.limits.Messages <= 0 || st.messages < st.limits.Messages) &&
		(st.limits.Bytes <= 0 || st.bytes < st.limits.Bytes)
}

// signal never blocks: one pending wake-up is enough.
func (st *Stream) signal() {
	select {
	case st.wake <- struct{}{}:
	default:
	}
}

// wake tells up to n hungry streams that there is work, a different one first each time.
func (s *Subscription) wake(n int) {
	s.rotation++
	for i := 0; i < len(s.streams) && n > 0; i++ {
		if st := s.streams[(s.rotation+i)%len(s.streams)]; st.hungry() {
			st.signal()
			n--
		}
	}
}

func (s *Subscription) detach(st *Stream) {
	if st.closed {
		return
	}
	st.closed = true
	for i, other := range s.streams {
		if other == st {
			s.streams = append(s.streams[:i], s.streams[i+1:]...)
			break
		}
	}
	s.wake(s.ready)
}

// end stops serving: streams are told err, messages are dropped.
func (s *Subscription) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	for _, st := range s.streams {
		st.closed, st.err = true, err
		close(st.done)
	}
	s.streams = nil
	s.clear()
}
