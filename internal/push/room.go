package push

import "sync/atomic"

// room bounds the memory of the bodies that are being read or handled. It is safe for concurrent use.
type room struct {
	size int64
	used atomic.Int64
}

// newRoom returns room for size bytes; the largest message always fits when there is no other.
func newRoom(size int64) *room { return &room{size: max(size, MaxBody)} }

// take reports whether there is room for n bytes. If so, give must follow.
func (r *room) take(n int64) bool {
	if r.used.Add(n) <= r.size {
		return true
	}
	r.used.Add(-n)
	return false
}

func (r *room) give(n int64) { r.used.Add(-n) }
