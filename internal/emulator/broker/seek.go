package broker

import (
	"time"

	"spillway/internal/emulator/wire"
)

// Seek makes every message published before t acknowledged and every later one that is still kept unacknowledged. Leases end:
// what was delivered and not yet acknowledged is delivered again.
func (s *Subscription) Seek(t time.Time) (err error) {
	s.do(func(now int64) {
		if err = s.err; err != nil {
			return
		}
		s.counters.seeks++
		s.rebuild(t.UnixNano(), now)
		s.wake(s.ready)
	})
	return err
}

// rebuild walks the log once and puts every entry where it belongs.
func (s *Subscription) rebuild(from, now int64) {
	s.log.all(func(e *entry) {
		if e.state == leased {
			s.release(e)
		}
	})
	s.resetQueues()
	s.log.all(func(e *entry) {
		s.wheel.remove(e)
		e.key, e.keyPrev, e.keyNext = nil, nil, nil
		keeps := s.retains(e, now)
		switch {
		case e.published >= from && (keeps || e.state != retained):
			s.admit(e, orderingKey(e.body))
		case keeps:
			e.state = retained
		default:
			s.log.drop(e)
		}
	})
}

// resetQueues forgets where entries wait; the caller places them anew.
func (s *Subscription) resetQueues() {
	s.again, s.readyKeys, s.keys = queue[*entry]{}, queue[*orderKey]{}, map[string]*orderKey{}
	for _, st := range s.streams {
		st.keys = queue[*orderKey]{}
	}
	s.ready, s.cursor, s.oldest, s.nextTrim = 0, s.log.first, s.log.first, 0
	s.counters.undelivered, s.counters.bytes = 0, 0
}

// clear drops every message.
func (s *Subscription) clear() {
	s.resetQueues()
	s.counters.outstanding = [kinds]int64{}
	s.log, s.wheel = log{first: s.log.end, end: s.log.end}, wheel{}
	s.cursor, s.oldest = s.log.end, s.log.end
}

func orderingKey(body []byte) string {
	m, err := wire.ParseMessage(body)
	if err != nil { // the body was parsed when it was published
		return ""
	}
	return m.Key
}
