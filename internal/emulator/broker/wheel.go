package broker

import (
	"container/heap"
	"math"
	"time"
)

// tick is the wheel's resolution: a deadline fires up to one tick late and never early.
const tick = int64(10 * time.Millisecond)

// wheel holds entries by the tick in which they fall due. Adding and removing cost the same for any number of entries.
// The zero value is empty.
type wheel struct {
	slots map[int64]*slot
	order ticks
}

// slot is the entries that fall due in one tick, in the order in which they were added.
type slot struct {
	head, tail *entry
}

type ticks []int64

func (t ticks) Len() int           { return len(t) }
func (t ticks) Less(i, j int) bool { return t[i] < t[j] }
func (t ticks) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *ticks) Push(x any)        { *t = append(*t, x.(int64)) }

func (t *ticks) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	*t = (*t)[:last]
	return x
}

// add puts e into the slot of the instant at, which is in nanoseconds.
func (w *wheel) add(e *entry, at int64) {
	n := (at + tick - 1) / tick
	s := w.slots[n]
	if s == nil {
		if w.slots == nil {
			w.slots = map[int64]*slot{}
		}
		s = &slot{}
		w.slots[n] = s
		heap.Push(&w.order, n)
	}
	e.slot, e.prev = s, s.tail
	if s.tail == nil {
		s.head = e
	} else {
		s.tail.next = e
	}
	s.tail = e
}

// remove takes e out if it is in.
func (w *wheel) remove(e *entry) {
	s := e.slot
	if s == nil {
		return
	}
	if e.prev == nil {
		s.head = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		s.tail = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.slot, e.prev, e.next = nil, nil, nil
}

// pop returns an entry that is due at now and takes it out, or nil.
func (w *wheel) pop(now int64) *entry {
	for len(w.order) > 0 && w.order[0]*tick <= now {
		if e := w.slots[w.order[0]].head; e != nil {
			w.remove(e)
			return e
		}
		delete(w.slots, w.order[0])
		heap.Pop(&w.order)
	}
	return nil
}

// next returns the earliest instant at which something may fall due, in nanoseconds.
func (w *wheel) next() int64 {
	if len(w.order) == 0 {
		return math.MaxInt64
	}
	return w.order[0] * tick
}
