package pull

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"spillway/internal/lifecycle"
)

const (
	// flushDelay is the longest that an ack waits for others to share its request.
	flushDelay = 5 * time.Millisecond
	// settleCalls bounds the requests under way. When all of them hang, acks wait and go out in larger requests.
	settleCalls = 8
	// settleBudget is how long a settlement is retried. The lease is kept meanwhile.
	settleBudget = time.Minute
	// The pauses between attempts, doubled each time and jittered.
	firstPause = 100 * time.Millisecond
	longPause  = 5 * time.Second
)

// outbox collects settlements until they are sent. The inventory's lock guards it.
type outbox struct {
	acks  []*item
	nacks []*item
	batch int           // what is sent without waiting for more: a fraction of the window
	first chan struct{} // capacity 1: there is something to send
	full  chan struct{} // capacity 1: there is a batch
}

func newOutbox(batch int) outbox {
	return outbox{batch: batch, first: make(chan struct{}, 1), full: make(chan struct{}, 1)}
}

// put takes an item whose fate is decided.
func (o *outbox) put(it *item) {
	if it.fate == Acked {
		o.acks = append(o.acks, it)
	} else {
		o.nacks = append(o.nacks, it)
	}
	switch len(o.acks) + len(o.nacks) {
	case o.batch:
		notify(o.full)
		fallthrough // A batch may be of one.
	case 1:
		notify(o.first)
	}
}

// take empties the outbox. The next acks have room for a batch at once.
func (o *outbox) take() (acks, nacks []*item) {
	acks, nacks = o.acks, o.nacks
	o.acks, o.nacks = make([]*item, 0, min(o.batch, 2*len(acks))), nil
	return acks, nacks
}

// settler sends acks and nacks in batches and removes items from the inventory when the server has confirmed them.
type settler struct {
	inventory *inventory
	api       api
	lost      func(op string, n int)
	log       *zap.Logger
}

// batchOf is the part of a window that is settled in one request without waiting for more.
func batchOf(window int) int { return min(max(1, window/4), maxIDs) }

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run sends until ctx is done; by then the inventory must be empty or be given up. It returns when its calls have ended.
func (s *settler) run(ctx context.Context) {
	var calls sync.WaitGroup
	defer calls.Wait()
	free := make(chan struct{}, settleCalls)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.inventory.out.first:
		}
		s.gather(ctx)
		start := func(op string, items []*item) {
			for chunk := range slices.Chunk(items, maxIDs) {
				free <- struct{}{} // Every call is bounded by the settle budget.
				calls.Go(func() {
					defer func() { <-free }()
					s.send(ctx, op, chunk)
				})
			}
		}
		acks, nacks := s.take()
		start(opAck, acks)
		start(opNack, nacks)
	}
}

// gather waits for a batch, but not for long.
func (s *settler) gather(ctx context.Context) {
	timer := time.NewTimer(flushDelay)
	defer timer.Stop()
	select {
	case <-s.inventory.out.full:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (s *settler) take() (acks, nacks []*item) {
	s.inventory.mu.Lock()
	defer s.inventory.mu.Unlock()
	return s.inventory.out.take()
}

// send settles items, retrying those that may still succeed, and removes each when nothing more can be done for it.
func (s *settler) send(ctx context.Context, op string, items []*item) {
	begin := time.Now()
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		ids := s.inventory.claim(items)
		err := s.attempt(ctx, op, ids)
		retry, refused := sort(items, ids, err)
		if len(refused) > 0 {
			s.lost(op, len(refused))
			s.log.Debug("settling was refused", zap.String("op", op), zap.Int("messages", len(refused)), zap.Error(err))
		}
		again := s.inventory.remove(without(items, retry), time.Now())
		if items = slices.Concat(retry, again); len(items) == 0 {
			return
		}
		if ctx.Err() != nil || time.Since(begin) > settleBudget {
			given := len(items)
			// A redelivery has a lease of its own: it gets a budget of its own, and would else stay here for ever.
			items = s.inventory.remove(items, time.Now())
			if given -= len(items); given > 0 {
				s.lost(op, given)
				s.log.Warn("settling was given up", zap.String("op", op), zap.Int("messages", given), zap.Error(err))
			}
			if ctx.Err() != nil || len(items) == 0 {
				return
			}
			begin, pause = time.Now(), firstPause
		}
		lifecycle.Sleep(ctx, pause/2+rand.N(pause/2)) //nolint:gosec // Jitter needs no secrecy.
	}
}

func (s *settler) attempt(ctx context.Context, op string, ids []string) error {
	bounded, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if op == opNack {
		return s.api.modack(bounded, ids, 0)
	}
	return s.api.acknowledge(bounded, ids)
}

// without returns the items that are not in gone.
func without(items, gone []*item) []*item {
	if len(gone) == 0 { // Nearly always: every batch of acks comes by here.
		return items
	}
	out := make(map[*item]bool, len(gone))
	for _, it := range gone {
		out[it] = true
	}
	return slices.DeleteFunc(slices.Clone(items), func(it *item) bool { return out[it] })
}
