package broker

// queue is a FIFO ring. The zero value is empty.
type queue[T any] struct {
	items []T
	head  int
	n     int
}

func (q *queue[T]) push(v T) {
	if q.n == len(q.items) {
		q.resize(max(16, 2*q.n))
	}
	q.items[(q.head+q.n)%len(q.items)] = v
	q.n++
}

func (q *queue[T]) peek() (v T, ok bool) {
	if q.n == 0 {
		return v, false
	}
	return q.items[q.head], true
}

// pop gives memory back when the ring has become mostly empty.
func (q *queue[T]) pop() {
	var zero T
	q.items[q.head] = zero
	q.head = (q.head + 1) % len(q.items)
	q.n--
	if len(q.items) > 1024 && q.n < len(q.items)/4 {
		q.resize(len(q.items) / 2)
	}
}

func (q *queue[T]) resize(size int) {
	items := make([]T, size)
	for i := range q.n {
		items[i] = q.items[(q.head+i)%len(q.items)]
	}
	q.items, q.head = items, 0
}
