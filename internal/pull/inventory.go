package pull

import (
	"context"
	"sync"
	"time"
)

// item is one message on loan. Its fields are guarded by the inventory's lock, but for delivery, ordered and born, which
// never change. The items of one response stand in one array.
type item struct {
	delivery Delivery
	home     *inventory
	ackID    string // the newest one: a redelivery while the message is here replaces it
	born     time.Time
	due      time.Time // when the lease is to be extended next; zero when no longer
	ordered  bool      // its ordering key matters
	lent     bool      // its handler has begun
	again    bool      // redelivered after its ack was sent: the new ack ID is to be acked too
	replaced bool      // nacked, and here again as another item
	fate     Fate
	hash     uint64 // the table's
}

// key returns the item's ordering key, empty when order does not matter.
func (it *item) key() string {
	if !it.ordered {
		return ""
	}
	return it.delivery.OrderingKey
}

// settle implements owner.
func (it *item) settle(f Fate) {
	it.home.mu.Lock()
	defer it.home.mu.Unlock()
	it.home.settle(it, f)
}

// inventory holds every message from its receipt until its settlement is confirmed. It is safe for concurrent use.
type inventory struct {
	mu     sync.Mutex
	change *sync.Cond // something was decided or has left
	items  *table
	open   int  // items that are not decided yet
	bytes  int  // their payload
	over   bool // nothing more is handled
	// reserved is how many messages were asked for and have not come yet.
	reserved int
	pool     *pool
	out      outbox
	// queues holds, for each ordering key that has a message out, those that wait behind it.
	queues map[string][]*item
	// blocks holds the ordering keys whose nacked message has not come back yet.
	blocks map[string]*block
}

// newInventory returns an inventory that has up to handlers messages handled at once, and a batch of settlements sent
// without waiting for more.
func newInventory(handlers, batch int, handle func(*item) Fate) *inventory {
	in := &inventory{items: newTable(), queues: map[string][]*item{}, blocks: map[string]*block{}, out: newOutbox(batch)}
	in.change = sync.NewCond(&in.mu)
	in.pool = newPool(&in.mu, handlers, handle, in.settle)
	return in
}

// add takes received messages in, in their order, and returns how many are new.
func (in *inventory) add(items ...*item) (fresh int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, it := range items {
		if in.admit(it) {
			fresh++
		}
	}
	return fresh
}

// admit takes a received message in and makes it ready, unless an earlier message of its key is still out. It reports
// false for a message that is here already: redelivered on another stream, it must not be handled twice, and only its
// ack ID is renewed. One that was nacked is new: its redelivery may outrun the answer to the nack.
func (in *inventory) admit(it *item) bool {
	here, hash := in.items.get(it.delivery.ID)
	if here != nil && here.fate != Nacked {
		here.ackID, here.again = it.ackID, here.fate == Acked
		return false
	}
	if it.ordered && !in.over && in.hold(it) {
		return true
	}
	if here != nil {
		here.replaced = true
	}
	in.items.put(it, here, hash)
	in.open++
	in.bytes += len(it.delivery.Data)
	switch key := it.key(); {
	case in.over:
		in.decide(it, Nacked)
	case key != "" && !in.turn(key, it):
	default:
		in.pool.put(it)
	}
	return true
}

// forget drops an item, unless it was replaced by its redelivery.
func (in *inventory) forget(it *item) {
	if !it.replaced {
		in.items.remove(it)
	}
}

// settle decides an item's fate, unless it is decided already. A nack takes the items of its ordering key along that wait
// behind it, because the server delivers them anew in order; after an ack the next of the key is ready. The lock is held.
func (in *inventory) settle(it *item, f Fate) {
	if f == Open || it.fate != Open {
		in.change.Broadcast() // A handler is free.
		return
	}
	in.decide(it, f)
	key := it.key()
	if key == "" {
		return
	}
	waiting := in.queues[key]
	if f == Acked && len(waiting) > 0 {
		in.queues[key] = waiting[1:]
		in.pool.put(waiting[0])
		return
	}
	delete(in.queues, key)
	if f == Nacked {
		in.blocks[key] = &block{nacked: it, first: []string{it.delivery.ID}}
		for _, w := range waiting {
			in.decide(w, Nacked)
		}
	}
}

// decide notes an item's fate, from which on it takes no room in the window, and has it sent. The lock is held.
func (in *inventory) decide(it *item, f Fate) {
	it.fate = f
	in.open--
	in.bytes -= len(it.delivery.Data)
	in.out.put(it)
	in.change.Broadcast()
}

// giveBack nacks everything whose handler has not begun, and whatever is still received.
func (in *inventory) giveBack() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.over = true
	in.pool.ready = nil
	clear(in.queues)
	for it := range in.items.all() {
		if it.fate == Open && !it.lent {
			in.decide(it, Nacked)
		}
	}
}

// remove forgets items whose settlement was confirmed or given up at now. It keeps and returns those that were redelivered
// meanwhile, which are to be acked once more.
func (in *inventory) remove(items []*item, now time.Time) (again []*item) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, it := range items {
		switch {
		case it.again:
			it.again = false
			again = append(again, it)
		default:
			in.forget(it)
			if !it.ordered {
				continue
			}
			if b := in.blocks[it.key()]; b != nil && b.nacked == it {
				b.until = now.Add(blockTime)
			}
		}
	}
	in.change.Broadcast()
	return again
}

// outstanding returns how many messages are not decided, and their payload in bytes.
func (in *inventory) outstanding() (messages, bytes int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.open, in.bytes
}

// left returns how many messages of each fate wait for their end.
func (in *inventory) left() map[Fate]int {
	in.mu.Lock()
	defer in.mu.Unlock()
	left := map[Fate]int{}
	for it := range in.items.all() {
		left[it.fate]++
	}
	return left
}

// waitRoom waits while more than the window is out, or ctx is done. A server that keeps to the declared window is never
// waited for, so that its answers to pings are heard at a full window too: it knows of every message that is not decided
// here. Decided ones count only against a server that ignores the window, while it confirms nothing.
func (in *inventory) waitRoom(ctx context.Context, messages, bytes int) {
	in.wait(ctx, func() bool { return in.open <= messages && in.bytes <= bytes && in.items.len() <= 2*messages })
}

// reserve waits until a handler is free and there is room in the window, or ctx is done, and returns how many messages could
// be handled at once. So many are spoken for until they are taken back.
func (in *inventory) reserve(ctx context.Context, messages, bytes int) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	free := func() int {
		if in.bytes > bytes {
			return 0
		}
		return min(in.pool.limit-in.pool.running-len(in.pool.ready), messages-in.open) - in.reserved
	}
	in.waitLocked(ctx, func() bool { return free() > 0 })
	n := max(0, min(free(), maxPull))
	in.reserved += n
	return n
}

// takeBack ends a reservation.
func (in *inventory) takeBack(n int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.reserved -= n
	in.change.Broadcast()
}

// waitEmpty waits until everything is settled and confirmed, or ctx is done.
func (in *inventory) waitEmpty(ctx context.Context) {
	in.wait(ctx, func() bool { return in.items.len() == 0 })
}

func (in *inventory) wait(ctx context.Context, ok func() bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.waitLocked(ctx, ok)
}

// waitLocked waits until ok holds or ctx is done. The lock is held before and after.
func (in *inventory) waitLocked(ctx context.Context, ok func() bool) {
	if ok() {
		return
	}
	stop := context.AfterFunc(ctx, func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.change.Broadcast()
	})
	defer stop()
	for !ok() && ctx.Err() == nil {
		in.change.Wait()
	}
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

// claim returns the newest ack IDs of items, which are to be settled under them now.
func (in *inventory) claim(items []*item) []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	ids := make([]string, len(items))
	for i, it := range items {
		ids[i], it.again = it.ackID, false
	}
	return ids
}

// takeDue returns the items whose leases are to be extended at now, and counts those that are now older than oldest and
// are extended no more. What is nacked is not extended: it is to be given back. Each returned one is due again after next.
func (in *inventory) takeDue(now time.Time, next, oldest time.Duration) (due []*item, expired int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for it := range in.items.all() {
		switch {
		case it.due.IsZero() || it.due.After(now) || it.fate == Nacked:
		case now.Sub(it.born) > oldest && it.fate == Open:
			it.due = time.Time{}
			expired++
		default:
			it.due = now.Add(next)
			due = append(due, it)
		}
	}
	return due, expired
}

// trim ends goroutines that no handler needs.
func (in *inventory) trim() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.pool.trim()
}

// retryLease makes leases due again at once, after an extension failed.
func (in *inventory) retryLease(items []*item, now time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, it := range items {
		it.due = now
	}
}
