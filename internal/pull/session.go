package pull

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"spillway/internal/lifecycle"
)

const (
	// pingInterval and pingAnswer find a dead path: a server that has ever answered a ping and now says nothing for 10 s
	// after one is not there any more.
	pingInterval = 30 * time.Second
	pingAnswer   = 10 * time.Second
	// closing bounds the wait for what is on its way when receiving stops.
	closing = time.Second
	// maxResponse is above the largest response that the service sends.
	maxResponse = 32 << 20
)

// errPing ends a stream whose server no longer answers.
var errPing = errors.New("the server does not answer the stream's ping")

// session is one stream.
type session struct {
	*Subscriber
	stream grpc.ClientStream
	in     *inventory
	heard  *hearing
	stall  *stall
	end    context.CancelCauseFunc // ends the stream
	// What the server last said of the subscription; it may change while the stream is open. Used by read alone.
	ordered, exactlyOnce bool
	taken                []*item // read's, used again for each response
}

// session receives on one stream until it ends. When ctx is done it asks the server to end it, and takes in what is on
// its way.
func (s *Subscriber) session(ctx context.Context, l *line, in *inventory) error {
	return l.call(func(c *client) error {
		life, end := context.WithCancelCause(context.WithoutCancel(ctx))
		defer end(nil)
		routed := metadata.AppendToOutgoingContext(life, "x-goog-request-params", "subscription="+url.QueryEscape(s.name))
		// Nothing is on its way before the stream is open: until then there is nothing to wait for.
		opened := context.AfterFunc(ctx, func() { end(nil) })
		stream, err := c.Connection().NewStream(routed, streamDesc(), streamingPull, callOptions()...) //nolint:staticcheck // No pool is asked for: there is one connection.
		opened()
		if err != nil {
			return err
		}
		if s.missed.Swap(false) {
			s.log.Info("the stream is open again")
		}
		n := &session{Subscriber: s, stream: stream, in: in, heard: &hearing{}, end: end, stall: newStall(time.Now(), s.opts.LeaseExtension)}
		// A failed SendMsg only says that the stream has ended; RecvMsg says why.
		_ = stream.SendMsg(n.first())
		var parts sync.WaitGroup
		defer parts.Wait()
		defer end(nil)
		parts.Go(func() { n.tend(ctx, life, end) })
		err = n.read(ctx)
		if cause := context.Cause(life); errors.Is(cause, errPing) || errors.Is(cause, errStalled) {
			return cause
		}
		return err
	})
}

// first is the request that opens the stream and declares the window.
func (n *session) first() *pubsubpb.StreamingPullRequest {
	return &pubsubpb.StreamingPullRequest{
		Subscription: n.name, StreamAckDeadlineSeconds: seconds(n.opts.LeaseExtension), ProtocolVersion: 1,
		MaxOutstandingMessages: n.share(n.opts.MaxOutstandingMessages), MaxOutstandingBytes: n.share(n.opts.MaxOutstandingBytes),
	}
}

// share is a stream's part of the window. It is rounded up: a part of 0 would mean no limit.
func (n *session) share(window int) int64 {
	streams := int64(n.opts.Streams)
	return (int64(window) + streams - 1) / streams
}

// read takes in responses until the stream ends, which is always with an error.
func (n *session) read(ctx context.Context) error {
	var r response
	for {
		n.heard.listen()
		if err := n.stream.RecvMsg(&r); err != nil {
			return fmt.Errorf("receiving: %w", err)
		}
		now := time.Now()
		if n.stall.beat(now) {
			n.end(errStalled) // The stream is read to its end, by which it is known to be closed.
			continue
		}
		if n.heard.hear(len(r.items) == 0) {
			n.pings.Store(true)
		}
		n.take(ctx, &r, now)
		n.in.waitRoom(ctx, n.opts.MaxOutstandingMessages, n.opts.MaxOutstandingBytes)
	}
}

// take brings the messages of one response into the inventory, in their order.
func (n *session) take(ctx context.Context, r *response, now time.Time) {
	if r.properties {
		n.ordered, n.exactlyOnce = r.ordered, r.exactlyOnce
	}
	n.taken = n.taken[:0]
	for i := range r.items {
		it := &r.items[i]
		it.delivery.owner, it.home, it.born, it.due, it.ordered = it, n.in, now, now, n.ordered && it.delivery.OrderingKey != ""
		n.taken = append(n.taken, it)
	}
	if n.exactlyOnce {
		n.in.add(confirm(ctx, n, n.taken, n.opts.LeaseExtension)...)
		return
	}
	n.in.add(n.taken...)
}

// confirm keeps those messages whose receipt the server confirms: with exactly-once delivery only they are this
// process's to handle. What cannot be confirmed now is asked for again, so that a passing failure does not cost the
// messages a whole lease; the others expire and come again.
func confirm(ctx context.Context, a api, items []*item, lease time.Duration) []*item {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	var gone []*item
	asked := items
	for pause := firstPause; len(asked) > 0; pause *= 2 {
		ids := make([]string, len(asked))
		for i, it := range asked {
			ids[i] = it.ackID
		}
		retry, refused := sort(asked, ids, a.modack(bounded, ids, lease))
		gone, asked = append(gone, refused...), retry
		if ctx.Err() != nil || bounded.Err() != nil {
			break
		}
		if len(asked) > 0 {
			lifecycle.Sleep(bounded, pause/2+rand.N(pause/2)) //nolint:gosec // Jitter needs no secrecy.
		}
	}
	return behind(items, append(gone, asked...))
}

// behind returns the items that are not in gone, and do not stand behind one of their ordering key that is: those come
// again with it.
func behind(items, gone []*item) []*item {
	if len(gone) == 0 {
		return items
	}
	lost, keys := map[*item]bool{}, map[string]bool{}
	for _, it := range gone {
		lost[it] = true
	}
	return slices.DeleteFunc(slices.Clone(items), func(it *item) bool {
		if lost[it] && it.ordered {
			keys[it.key()] = true
		}
		return lost[it] || it.ordered && keys[it.key()]
	})
}

// tend sends the stream's pings, ends it when they are not answered or after a stall, and closes it when ctx is done.
func (n *session) tend(ctx, life context.Context, end context.CancelCauseFunc) {
	ping := time.NewTicker(n.pingInterval)
	defer ping.Stop()
	beat := time.NewTicker(keeperTick)
	defer beat.Stop()
	answer := time.NewTimer(n.pingAnswer)
	answer.Stop()
	defer answer.Stop()
	for {
		select {
		case <-life.Done():
			return
		case <-ctx.Done():
			n.leave(life, end)
			return
		case <-beat.C:
			if n.stall.beat(time.Now()) {
				end(errStalled)
				return
			}
		case <-ping.C:
			if n.stream.SendMsg(&pubsubpb.StreamingPullRequest{}) == nil {
				n.heard.asked()
				answer.Reset(n.pingAnswer)
			}
		case <-answer.C:
			if n.pings.Load() && n.heard.silent() {
				end(errPing)
				return
			}
		}
	}
}

// leave asks the server to end the stream, so that everything it has sent is received, and cancels it if it does not.
func (n *session) leave(life context.Context, end context.CancelCauseFunc) {
	_ = n.stream.CloseSend() // It reports an error only for a stream that has ended.
	lifecycle.Sleep(life, closing)
	end(nil)
}

// hearing follows whether the server has said anything since it was last asked. It is safe for concurrent use.
type hearing struct {
	mu      sync.Mutex
	reading bool // someone waits for a response
	waiting bool // nothing has been heard since the last ping
	pinged  bool // a ping has not been answered; messages may come ahead of its answer
}

// listen notes that someone reads: what is not read cannot be heard.
func (h *hearing) listen() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reading = true
}

// hear notes a response and reports whether it answers a ping: an empty one after it.
func (h *hearing) hear(empty bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reading, h.waiting = false, false
	if !h.pinged || !empty {
		return false
	}
	h.pinged = false
	return true
}

// asked notes that a ping was sent.
func (h *hearing) asked() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting, h.pinged = h.reading, true
}

// silent says whether nothing has been heard since the last ping although someone reads.
func (h *hearing) silent() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting && h.reading
}
