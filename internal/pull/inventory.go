package pull

import (
	"context"
	"sync"
	"time"
)

// item is one message on loan. Its fields are guarded by the inventory's lock, but for delivery and settler, which never
// change. The items of one response stand in one array.
type item struct {
	delivery Delivery
	settler  *settler
	ackID    string // the newest one: a redelivery while the message is here replaces it
	key      string // ordering key; empty when order does not matter
	size     int
	born     time.Time
	due      time.Time // when the lease is to be extended next; zero when no longer
	fate     fate
	again    bool // redelivered after its ack was sent: the new ack ID is to be acked too
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
	change *sync.Cond // something was decided or has left
	items  map[string]*item
	open   int // items that are not decided yet
	bytes  int // their payload
	pool   *pool
	// queues holds, for each ordering key that has a message out, those that wait behind it.
	queues map[string][]*item
	// blocks holds the ordering keys whose nacked message has not come back yet.
	blocks map[string]*block
}

func newInventory(p *pool) *inventory {
	in := &inventory{pool: p, items: map[string]*item{}, queues: map[string][]*item{}, blocks: map[string]*block{}}
	in.change = sync.NewCond(&in.mu)
	return in
}

// settle implements owner.
func (it *item) settle(_ *Delivery, ack bool) { it.settler.settle(it, ack) }

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
	if here, ok := in.items[it.delivery.ID]; ok {
		if here.fate != nacked {
			here.ackID, here.again = it.ackID, here.fate == acked
			return false
		}
	}
	if it.key != "" && in.hold(it) {
		return true
	}
	in.items[it.delivery.ID] = it
	in.open++
	in.bytes += it.size
	if it.key != "" && !in.turn(it) {
		return true
	}
	in.pool.put(it)
	return true
}

// forget drops an item, unless it was replaced by its redelivery.
func (in *inventory) forget(it *item) {
	if in.items[it.delivery.ID] == it {
		delete(in.items, it.delivery.ID)
	}
}

// settle notes an item's fate and returns the items that share it: after a nack, those of its
// ordering key that wait behind it, because the server delivers them anew in order. After an ack the next of the key is
// ready.
func (in *inventory) settle(it *item, ack bool) []*item {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.decide(it, ack)
	if it.key == "" {
		return nil
	}
	waiting := in.queues[it.key]
	if !ack || len(waiting) == 0 {
		delete(in.queues, it.key)
	}
	if !ack {
		in.blocks[it.key] = &block{nacked: it, first: []string{it.delivery.ID}}
		for _, w := range waiting {
			in.decide(w, false)
		}
		return waiting
	}
	if len(waiting) == 0 {
		return nil
	}
	in.queues[it.key] = waiting[1:]
	in.pool.put(waiting[0])
	return nil
}

// decide notes an item's fate, from which on it takes no room in the window.
func (in *inventory) decide(it *item, ack bool) {
	it.fate = nacked
	if ack {
		it.fate = acked
	}
	in.open--
	in.bytes -= it.size
	in.change.Broadcast()
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
			if b := in.blocks[it.key]; b != nil && b.nacked == it {
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

// waitRoom waits while more than the window is out, or ctx is done. A server that keeps to the declared window is never
// waited for, so that its answers to pings are heard at a full window too: it knows of every message that is not decided
// here. Decided ones count only against a server that ignores the window, while it confirms nothing.
func (in *inventory) waitRoom(ctx context.Context, messages, bytes int) {
	in.wait(ctx, func() bool { return in.open <= messages && in.bytes <= bytes && len(in.items) <= 2*messages })
}

// waitEmpty waits until everything is settled and confirmed, or ctx is done.
func (in *inventory) waitEmpty(ctx context.Context) {
	in.wait(ctx, func() bool { return len(in.items) == 0 })
}

func (in *inventory) wait(ctx context.Context, ok func() bool) {
	in.mu.Lock()
	now := ok()
	in.mu.Unlock()
	if now {
		return
	}
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
	for _, it := range in.items {
		switch {
		case it.due.IsZero() || it.due.After(now) || it.fate == nacked:
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
