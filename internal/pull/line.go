package pull

import (
	"context"
	"fmt"
	"sync"

	vkit "cloud.google.com/go/pubsub/v2/apiv1"
	"go.uber.org/zap"
	"google.golang.org/api/option"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// line is a connection that can be replaced while calls run on it. It is safe for concurrent use.
type line struct {
	dial []option.ClientOption
	log  *zap.Logger

	mu      sync.Mutex
	current *client          // nil when the line is closed
	retired map[*client]bool // clients that were replaced while calls ran on them
}

// client is a generated client with the number of calls that run on it, which the line's lock guards.
type client struct {
	*vkit.SubscriptionAdminClient
	calls int
}

// errClosed ends the calls of a subscriber that was closed before its Run returned.
var errClosed = status.Error(codes.FailedPrecondition, "the subscriber is closed")

// newLine makes a line. It connects nothing yet.
func newLine(ctx context.Context, dial []option.ClientOption, log *zap.Logger) (*line, error) {
	l := &line{dial: dial, log: log, retired: map[*client]bool{}}
	c, err := l.connect(ctx)
	l.current = c
	return l, err
}

func (l *line) connect(ctx context.Context) (*client, error) {
	c, err := vkit.NewSubscriptionAdminClient(ctx, l.dial...)
	if err != nil {
		return nil, fmt.Errorf("making the Pub/Sub client: %w", err)
	}
	// The generated retries hide outcomes and have budgets of their own; the settler and the stream's loop retry.
	c.CallOptions = &vkit.SubscriptionAdminCallOptions{}
	return &client{SubscriptionAdminClient: c}, nil
}

// call runs f with the present client, which stays open meanwhile unless its path is known to be dead.
func (l *line) call(f func(*client) error) error {
	c := l.borrow()
	if c == nil {
		return errClosed
	}
	defer l.giveBack(c)
	return f(c)
}

func (l *line) borrow() *client {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != nil {
		l.current.calls++
	}
	return l.current
}

// giveBack closes a client that was replaced when its last call has ended.
func (l *line) giveBack(c *client) {
	l.mu.Lock()
	c.calls--
	last := l.retired[c] && c.calls == 0
	if last {
		delete(l.retired, c)
	}
	l.mu.Unlock()
	if last {
		l.hangUp(c)
	}
}

// renew replaces the client, so that what comes next runs on a new connection: a stream that is opened anew on a
// half-dead connection is dead too. dead says that the old path is: then the calls on it are ended at once, to be
// repeated on the new one, instead of waiting out their time while leases run off.
func (l *line) renew(ctx context.Context, dead bool) error {
	fresh, err := l.connect(ctx)
	if err != nil {
		return err
	}
	if gone := l.replace(fresh, dead); gone != nil {
		l.hangUp(gone)
	}
	return nil
}

// replace makes fresh the present client and returns the one to be closed now, if any: the old one unless calls are to
// end on it, or fresh itself when the line is closed.
func (l *line) replace(fresh *client, dead bool) (gone *client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.current
	if old == nil {
		return fresh
	}
	l.current = fresh
	if !dead && old.calls > 0 {
		l.retired[old] = true
		return nil
	}
	return old
}

func (l *line) hangUp(c *client) {
	if err := c.Close(); err != nil {
		l.log.Debug("closing a replaced connection", zap.Error(err))
	}
}

// close ends the connection and whatever calls still run on it.
func (l *line) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == nil {
		return nil
	}
	for c := range l.retired {
		l.hangUp(c)
	}
	clear(l.retired)
	err := l.current.Close()
	l.current = nil
	return err
}
