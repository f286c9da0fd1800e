package load

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/googleapis/gax-go/v2"
	"golang.org/x/sync/errgroup"

	"spillway/internal/backlog"
)

const (
	// tick is how often the schedule is asked: 1000 messages a batch at 100,000 messages per second.
	tick = 10 * time.Millisecond
	// parallel requests keep the server busy while answers travel.
	parallel = 16
	// A request holds at most maxBatch messages, the service's limit, and about maxBatchBytes, a tenth of its limit.
	maxBatch      = 1000
	maxBatchBytes = 1_000_000
)

// Sender publishes one request, as the generated client does. The answer holds one ID for each message.
type Sender interface {
	Publish(ctx context.Context, req *pubsubpb.PublishRequest, opts ...gax.CallOption) (*pubsubpb.PublishResponse, error)
}

// Counts is the state of a run.
type Counts struct {
	// Published counts messages whose ID the server returned, Failed those that were given up.
	Published, Failed int64
}

// Message describes what is published: Size bytes of text and the attributes, the same for every message.
type Message struct {
	Size       int
	Attributes map[string]string
}

// Publisher publishes copies of one message along a schedule.
type Publisher struct {
	sender    Sender
	topic     string
	messages  []*pubsubpb.PubsubMessage // One batch; every request sends a prefix of it.
	confirmed func(ids []string)
	budget    *budget

	published, failed atomic.Int64
	lastErr           atomic.Pointer[error]
}

// NewPublisher returns a publisher of one run. confirmed is called with the server's IDs after each request, from
// several goroutines at once; nil means that nobody asks.
func NewPublisher(sender Sender, topic backlog.Topic, m Message, confirmed func(ids []string)) *Publisher {
	if confirmed == nil {
		confirmed = func([]string) {}
	}
	one := &pubsubpb.PubsubMessage{Data: text(m.Size), Attributes: m.Attributes}
	batch := make([]*pubsubpb.PubsubMessage, min(maxBatch, max(1, maxBatchBytes/max(1, m.bytes()))))
	for i := range batch {
		batch[i] = one
	}
	return &Publisher{sender: sender, topic: topic.String(), messages: batch, confirmed: confirmed, budget: newBudget()}
}

// bytes is what the message weighs in a request, roughly.
func (m Message) bytes() int {
	n := m.Size
	for name, value := range m.Attributes {
		n += len(name) + len(value)
	}
	return n
}

// text is printable, so that it can be read in whatever shows the messages.
func text(size int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyz "
	return []byte(strings.Repeat(letters, size/len(letters)+1)[:size])
}

// Counts returns the state so far. It is safe for concurrent use.
func (p *Publisher) Counts() Counts {
	return Counts{Published: p.published.Load(), Failed: p.failed.Load()}
}

// LastError is why the last message that was given up failed, nil when none was. It is safe for concurrent use.
func (p *Publisher) LastError() error {
	if err := p.lastErr.Load(); err != nil {
		return *err
	}
	return nil
}

// Run publishes what is due until the schedule ends or ctx is done, and waits for the answers. It is called once. The
// error is one that no retry can cure, or that kept the very first messages from being published; messages that failed
// later are counted only.
func (p *Publisher) Run(ctx context.Context, schedule Schedule) error {
	begin := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var sent int64
	for ctx.Err() == nil {
		due, last := schedule(time.Since(begin))
		for sent < due && ctx.Err() == nil {
			n := min(due-sent, int64(len(p.messages)))
			group.Go(func() error { return p.batch(ctx, int(n)) })
			sent += n
		}
		if last {
			break
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	return group.Wait()
}
