package pull

import (
	"slices"
	"time"
)

// block keeps the order of a key after a nack. What the server had sent before it knew of the nack arrives ahead of the
// nacked message; it is held, and forgotten when that one comes back, because the server sends the rest anew behind it.
// The server has taken its leases back, so what is held does not count as outstanding: if it did, it could fill the
// window and keep the nacked message itself from being read.
type block struct {
	nacked *item     // the newest nack of the key
	first  []string  // IDs of the nacked messages that the key waits for, any of which ends the block
	until  time.Time // zero while the nack is not confirmed: the server may not know of it yet
	held   []*item
}

// blockTime is how long messages that were on their way at a nack may take to arrive once it is confirmed. A message that
// has not come back by then (it is dead-lettered, or its retry is delayed) no longer blocks its key; what was held is
// nacked and, for what is on its way meanwhile, blocks the key in its place.
const blockTime = 2 * time.Second

// hold keeps an item back while its key is blocked. The message that the key waits for ends the block.
func (in *inventory) hold(it *item) bool {
	b, blocked := in.blocks[it.key()]
	if !blocked {
		return false
	}
	if slices.Contains(b.first, it.delivery.ID) {
		delete(in.blocks, it.key())
		return false
	}
	b.held = append(b.held, it)
	return true
}

// turn says whether an item with an ordering key may be handled now; if not, it waits in its place.
func (in *inventory) turn(key string, it *item) bool {
	waiting, busy := in.queues[key]
	if busy {
		in.queues[key] = append(waiting, it)
		return false
	}
	in.queues[key] = nil
	return true
}

// unblock ends the blocks that are over at now, or all of them, and nacks what they held.
func (in *inventory) unblock(now time.Time, all bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for key, b := range in.blocks {
		if !all && (b.until.IsZero() || b.until.After(now)) {
			continue
		}
		if len(b.held) == 0 {
			delete(in.blocks, key)
			continue
		}
		for _, it := range b.held {
			it.fate = Nacked // It did not count as open.
			here, hash := in.items.get(it.delivery.ID)
			if here != nil {
				here.replaced = true
			}
			in.items.put(it, here, hash)
			in.out.put(it)
		}
		b.nacked, b.until, b.held = b.held[0], time.Time{}, nil
		b.first = append(b.first, b.nacked.delivery.ID)
	}
}
