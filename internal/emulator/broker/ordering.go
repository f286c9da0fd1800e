package broker

// orderKey is the unacknowledged messages of one ordering key. Those before next are leased (or were settled out of turn and
// have left the list); next and everything after it are pending, or next is delayed and blocks the key.
type orderKey struct {
	name             string
	head, tail, next *entry
	leased           int
	owner            *Stream           // the stream that holds the leases, while leased > 0
	queue            *queue[*orderKey] // where the key waits for a stream; nil when it cannot be delivered
}

// deliverable is false while next waits for the end of its retry back-off: the key waits with it.
func (k *orderKey) deliverable() bool { return k.next != nil && k.next.state == pending }

// appendKeyed adds a message at the end of its key.
func (s *Subscription) appendKeyed(e *entry, name string) {
	k := s.keys[name]
	if k == nil {
		k = &orderKey{name: name}
		s.keys[name] = k
	}
	e.key, e.keyPrev, e.state = k, k.tail, pending
	if k.tail == nil {
		k.head = e
	} else {
		k.tail.keyNext = e
	}
	k.tail = e
	if k.next == nil {
		k.next = e
	}
	s.offer(k)
}

// unlink takes a settled message out of its key, and forgets a key without messages.
func (s *Subscription) unlink(e *entry) {
	k := e.key
	if k.next == e {
		k.next = e.keyNext
	}
	if e.keyPrev == nil {
		k.head = e.keyNext
	} else {
		e.keyPrev.keyNext = e.keyNext
	}
	if e.keyNext == nil {
		k.tail = e.keyPrev
	} else {
		e.keyNext.keyPrev = e.keyPrev
	}
	e.key, e.keyPrev, e.keyNext = nil, nil, nil
	if k.head == nil {
		k.queue = nil
		delete(s.keys, k.name)
		return
	}
	s.offer(k)
}

// offer puts the key where a stream may find it: with the stream that works on it, or with all when none does.
// A message of a key is never handed to a second subscriber while the first still holds one.
func (s *Subscription) offer(k *orderKey) {
	if !k.deliverable() {
		k.queue = nil
		return
	}
	target := &s.readyKeys
	if k.leased > 0 {
		if k.owner == nil || k.owner.closed || k.owner.kind == Push { // push requests have no order among themselves
			k.queue = nil
			return
		}
		target = &k.owner.keys
	}
	if k.queue == target {
		return
	}
	k.queue = target
	target.push(k)
	if k.leased > 0 {
		k.owner.signal()
		return
	}
	s.wake(1)
}

// takeKeyed returns the next pending message of a key that st may work on, or nil.
func (s *Subscription) takeKeyed(st *Stream) *entry {
	for _, q := range []*queue[*orderKey]{&st.keys, &s.readyKeys} {
		for {
			k, ok := q.peek()
			if !ok {
				break
			}
			if k.queue != q || !k.deliverable() {
				q.pop() // left behind when the key moved on
				if k.queue == q {
					k.queue = nil
				}
				continue
			}
			e := k.next
			k.next = e.keyNext
			k.leased++
			k.owner = st
			if q != &st.keys || !k.deliverable() {
				q.pop()
				k.queue = nil
				s.offer(k)
			}
			return e
		}
	}
	return nil
}

// rewind makes e the key's next message: later ones of the key that are leased lose their leases and will be delivered again
// after it.
func (s *Subscription) rewind(e *entry) {
	k := e.key
	for later := e.keyNext; later != nil && later != k.next; later = later.keyNext {
		s.release(later)
		k.leased--
		later.state = pending
		s.ready++
	}
	k.next = e
}
