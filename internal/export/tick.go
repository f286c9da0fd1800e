package export

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"spillway/internal/backlog"
)

const (
	// maxCalls bounds the queries that run at once.
	maxCalls = 8
	// minBudget is the least time that one poll may take, for intervals shorter than life.
	minBudget = 5 * time.Second
	// jitter is the share of the interval by which polls come early at random, so that many exporters do not ask in step.
	jitter = 0.05
)

// source answers one query with the newest sample of each subscription, taken after since and visible at now. It bounds
// its own attempts by the context's deadline.
type source interface {
	newest(ctx context.Context, q query, since, now time.Time) (map[backlog.Subscription]backlog.Sample, error)
}

// loop polls. Its fields are touched by run's goroutine only, except board, which readers load at any time.
type loop struct {
	source   source
	queries  []query
	interval time.Duration
	limits   backlog.Limits
	board    *atomic.Pointer[board]
	metrics  *metrics
	health   *health
	journal  *journal
}

// run ticks at once and then once per interval until ctx is done. It returns nil then.
func (l *loop) run(ctx context.Context) error {
	for {
		next := time.Now().Add(l.pace())
		l.tick(ctx)
		timer := time.NewTimer(time.Until(next))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// pace returns the time to the next tick. It is never longer than the interval, on which --fresh-for counts.
func (l *loop) pace() time.Duration {
	early := rand.Float64() * jitter //nolint:gosec // spreads calls over time, hides nothing
	return time.Duration(float64(l.interval) * (1 - early))
}

// tick is one turn of the loop.
func (l *loop) tick(ctx context.Context) {
	now := time.Now()
	answers := l.observe(ctx, now)
	if ctx.Err() != nil {
		return // what failed because the program ends is no failure
	}
	next := judge(l.board.Load(), answers, now)
	l.board.Store(next)
	l.record(next, answers, time.Now())
}

// observe asks every query within the poll's budget.
func (l *loop) observe(ctx context.Context, now time.Time) []answer {
	ctx, cancel := context.WithTimeout(ctx, budget(l.interval))
	defer cancel()
	answers := make([]answer, len(l.queries))
	var calls errgroup.Group
	calls.SetLimit(maxCalls)
	for i, q := range l.queries {
		calls.Go(func() error {
			samples, err := l.source.newest(ctx, q, now.Add(-l.limits.Fresh-l.limits.Hold), now)
			answers[i] = answer{query: q, samples: samples, err: err}
			return nil // every answer stands for itself
		})
	}
	_ = calls.Wait()
	return answers
}

// budget is how long one poll may take: half the interval, so that one project that does not answer keeps the others'
// samples back for half an interval at most.
func budget(interval time.Duration) time.Duration { return max(interval/2, minBudget) }

// record notes what became of the poll.
func (l *loop) record(b *board, answers []answer, now time.Time) {
	failed := 0
	for _, a := range answers {
		if a.err != nil {
			failed++
		}
	}
	l.metrics.polled(failed, len(answers))
	l.health.polled(failed, len(answers), now)
	l.journal.polled(b, answers, now)
}
