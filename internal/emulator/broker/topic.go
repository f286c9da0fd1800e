package broker

import (
	"slices"
	"strings"
	"sync"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"

	"spillway/internal/emulator/wire"
)

// Topic passes published messages on to its subscriptions. Its methods are safe for concurrent use.
type Topic struct {
	broker *Broker
	name   string

	mu     sync.Mutex               // held while publishing, so that all subscriptions see one order
	config *pubsubpb.Topic          // replaced, never modified
	subs   []*Subscription          // replaced, never modified
	shared []byte                   // the rest of a block that small messages are copied into
	sends  map[codes.Code]int64     // Publish calls by result
	counts struct{ n, bytes int64 } // messages and bytes published
}

const (
	// blockSize is what small messages share: one message that stays keeps at most a block alive.
	blockSize = 64 << 10
	// largeBatch is from where a batch gets blocks of its own.
	largeBatch = 32 << 10
)

// Name returns the full name.
func (t *Topic) Name() string { return t.name }

// Config returns the configuration, which the caller must not modify.
func (t *Topic) Config() *pubsubpb.Topic {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.config
}

// publish copies the messages and gives them to every subscription. It returns the first of their consecutive ids.
func (t *Topic) publish(messages []wire.Message) uint64 {
	size := 0
	for i := range messages {
		size += len(messages[i].Body)
	}
	if size >= largeBatch {
		copyBodies(messages, size, make([]byte, 0, min(size, 4*blockSize)))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if size < largeBatch {
		t.shared = copyBodies(messages, size, t.shared)
	}
	now := t.broker.now()
	first := t.broker.nextID(len(messages))
	for _, s := range t.subs {
		s.append(messages, first, now.UnixNano())
	}
	t.sends[codes.OK]++
	t.counts.n += int64(len(messages))
	for i := range messages {
		t.counts.bytes += int64(messages[i].Size)
	}
	return first
}

// copyBodies moves the bodies, of size bytes together, from the request into blocks and returns the open block.
func copyBodies(messages []wire.Message, size int, block []byte) []byte {
	for i := range messages {
		body := messages[i].Body
		if len(body) > cap(block)-len(block) {
			block = make([]byte, 0, max(len(body), min(size, 4*blockSize), blockSize))
		}
		n := len(block)
		block = append(block, body...)
		messages[i].Body = block[n:len(block):len(block)]
		size -= len(body)
	}
	return block
}

// Rejected counts a Publish call that failed.
func (t *Topic) Rejected(code codes.Code) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sends[code]++
}

func (t *Topic) attach(s *Subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.subs = append(slices.Clip(t.subs), s)
}

func (t *Topic) detach(s *Subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := make([]*Subscription, 0, len(t.subs))
	for _, other := range t.subs {
		if other != s {
			kept = append(kept, other)
		}
	}
	t.subs = kept
}

// Subscriptions lists the topic's subscriptions by name.
func (t *Topic) Subscriptions() []*Subscription {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.SortedFunc(slices.Values(t.subs), func(a, b *Subscription) int { return strings.Compare(a.name, b.name) })
}
