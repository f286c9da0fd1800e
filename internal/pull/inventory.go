package pull

import (
	"context"
	"sync"
	"time"
)

// item is one message on loan. Its fields are guarded by the inventory's lock, but for delivery, which never changes.
type item struct {
	delivery *Delivery
	ackID    string // the newest one: a redelivery while the message is here replaces it
	key      string // ordering key; empty when order does not matter
	size     int
	born     time.Time
	due      time.Time // when the lease is to be extended next; zero when no longer
	fate     fate
	again    bool // redelivered after it was acked: the new ack ID is to be acked too
}

// fate is what has been decided about an item.
type fate int

const (
	open fate = iota
	acked
	nacked
)

// inventory holds every message from its receipt until its settlement is confirmed. It is safe for concurrent use.
type inventory struct {
	mu     sync.Mutex
	work   *sync.Cond // something is ready, or the inventory is closed
	change *sync.Cond // something has left
	items  map[string]*item
	bytes  int
	ready  []*item
	// queues holds, for each ordering key that has a message out, those that wait behind it.
	queues map[string][]*item
	closed bool
}

func newInventory() *inventory {
	in := &inventory{items: map[string]*item{}, queues: map[string][]*item{}}
	in.work, in.change = sync.NewCond(&in.mu), sync.NewCond(&in.mu)
	return in
}

// add takes a received message in and makes it ready, unless an earlier message of its key is still out. It reports
// false for a message that is here already: redelivered on another stream, it must not be handled twice, and only its
// ack ID is renewed. One that was nacked is new: its redelivery may outrun the answer to the nack.
func (in *inventory) add(it *item) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if here, ok := in.items[it.delivery.ID]; ok {
		if here.fate != nacked {
			here.ackID, here.again = it.ackID, here.fate == acked
			return false
		}
		in.bytes -= here.size
	}
	in.items[it.delivery.ID] = it
	in.bytes += it.size
	if it.key != "" {
		if waiting, busy := in.queues[it.key]; busy {
			in.queues[it.key] = append(waiting, it)
			return true
		}
		in.queues[it.key] = nil
	}
	in.ready = append(in.ready, it)
	in.work.Signal()
	return true
}

// next waits for a message that is ready. It returns nil when the inventory is closed.
func (in *inventory) next() *item {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.ready) == 0 && !in.closed {
		in.work.Wait()
	}
	if len(in.ready) == 0 {
		return nil
	}
	it := in.ready[0]
	in.ready[0] = nil // The array outlives the item.
	in.ready = in.ready[1:]
	return it
}

// settle notes that an item's fate is decided and returns the items that share it: after a nack, those of its ordering
// key that wait behind it, because the server delivers them anew in order. After an ack the next of the key is ready.
func (in *inventory) settle(it *item, ack bool) []*item {
	in.mu.Lock()
	defer in.mu.Unlock()
	it.fate = nacked
	if ack {
		it.fate = acked
	}
	if it.key == "" {
		return nil
	}
	waiting := in.queues[it.key]
	if !ack || len(waiting) == 0 {
		delete(in.queues, it.key)
		for _, w := range waiting {
			w.fate = nacked
		}
		return waiting
	}
	in.queues[it.key] = waiting[1:]
	in.ready = append(in.ready, waiting[0])
	in.work.Signal()
	return nil
}

// remove forgets items whose settlement is confirmed or given up. It keeps and returns those that were redelivered
// meanwhile, which are to be acked once more.
func (in *inventory) remove(items []*item) (again []*item) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, it := range items {
		switch {
		case it.again:
			it.again = false
			again = append(again, it)
		case in.items[it.delivery.ID] == it:
			delete(in.items, it.delivery.ID)
			in.bytes -= it.size
		}
	}
	in.change.Broadcast()
	return again
}

// waitRoom waits until less than the window is out, or ctx is done. A server that keeps to the declared window is
// never waited for.
func (in *inventory) waitRoom(ctx context.Context, messages, bytes int) {
	in.wait(ctx, func() bool { return len(in.items) < messages && in.bytes < bytes })
}

// waitEmpty waits until everything is settled and confirmed, or ctx is done.
func (in *inventory) waitEmpty(ctx context.Context) {
	in.wait(ctx, func() bool { return len(in.items) == 0 })
}

func (in *inventory) wait(ctx context.Context, ok func() bool) {
	stop := context.AfterFunc(ctx, func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.change.Broadcast()
	})
	defer stop()
	in.mu.Lock()
	defer in.mu.Unlock()
	for !ok() && ctx.Err() == nil {
		in.change.Wait()
	}
}

// close ends every next once nothing is ready.
func (in *inventory) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	in.work.Broadcast()
}

// ids returns the ack IDs of items as they are now.
func (in *inventory) ids(items []*item) []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	ids := make([]string, len(items))
	for i, it := range items {
		ids[i] = it.ackID
	}
	return ids
}

// takeDue returns the items whose leases are to be extended at now, and counts those that are now older than oldest and
// are extended no more. Each returned one is due again after next.
func (in *inventory) takeDue(now time.Time, next, oldest time.Duration) (due []*item, expired int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, it := range in.items {
		switch {
		case it.due.IsZero() || it.due.After(now):
		case now.Sub(it.born) > oldest && it.fate == open:
			it.due = time.Time{}
			expired++
		default:
			it.due = now.Add(next)
			due = append(due, it)
		}
	}
	return due, expired
}

// retryLease makes leases due again at once, after an extension failed.
func (in *inventory) retryLease(items []*item, now time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, it := range items {
		it.due = now
	}
}
