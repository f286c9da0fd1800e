package sim

import "math"

// queue is what waits, by the second in which it was published.
type queue struct {
	arrived []float64
	head    int // The oldest second that has something left.
	waiting float64
	taken   float64 // Of the head's, how much was taken from it, for the frontier.
}

func (q *queue) arrive(t int, messages float64) {
	q.arrived[t] += messages
	q.waiting += messages
	if q.waiting == messages {
		q.head, q.taken = t, 0
	}
}

// serve takes the oldest.
func (q *queue) serve(t int, messages float64, ages *histogram) {
	for messages > 1e-9 && q.head <= t {
		n := min(messages, q.arrived[q.head])
		q.take(q.head, n)
		q.taken += n
		ages.add(t-q.head, n)
		messages -= n
		if q.arrived[q.head] <= 1e-9 && q.head < t {
			q.head++
			q.taken = 0
		} else if q.head == t {
			return
		}
	}
	if q.waiting < 1e-6 {
		q.waiting = 0
	}
}

// serveNewest takes the newest.
func (q *queue) serveNewest(t int, messages float64, ages *histogram) {
	for i := t; messages > 1e-9 && i >= q.head; i-- {
		n := min(messages, q.arrived[i])
		q.take(i, n)
		ages.add(t-i, n)
		messages -= n
	}
}

func (q *queue) take(i int, n float64) {
	q.arrived[i] -= n
	q.waiting -= n
}

// behind is how old the oldest that is left is at the end of second t: everything published before it has been delivered.
func (q *queue) behind(t int) float64 {
	if q.waiting <= 0 {
		return 0
	}
	return math.Max(0, float64(t+1-q.head)-q.taken/math.Max(1e-9, q.taken+q.arrived[q.head]))
}

// oldest is the age of the oldest that waits.
func (q *queue) oldest(t int) int {
	if q.waiting <= 1e-6 {
		return 0
	}
	return t - q.head
}

// histogram counts messages by whole seconds of age, the last place for all beyond.
type histogram struct {
	by    [7201]float64
	total float64
	most  int
}

func (h *histogram) add(age int, n float64) {
	h.by[min(age, len(h.by)-1)] += n
	h.total += n
	if n > 1e-6 {
		h.most = max(h.most, age)
	}
}

// quantile is the least age that a share q of the messages does not exceed.
func (h *histogram) quantile(q float64) float64 {
	sum := 0.0
	for age, n := range h.by {
		if sum += n; sum >= q*h.total {
			return float64(age)
		}
	}
	return float64(len(h.by) - 1)
}
