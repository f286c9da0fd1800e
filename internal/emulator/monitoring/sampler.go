package monitoring

import (
	"context"
	"time"

	"go.uber.org/zap"

	"spillway/internal/lifecycle"
)

// Run samples the truth until the context is done, and then returns nil. Samples are taken at whole multiples of each metric's
// period; one that the process slept through is left out, which readers see as a gap. Run it once.
func (s *Server) Run(ctx context.Context) error {
	due := s.nextDue(s.clock())
	for s.waitFor(ctx, due) {
		s.sample(due)
		now := s.clock()
		next := s.nextDue(due)
		if !next.After(now) {
			s.log.Warn("sampling is late, samples are left out", zap.Duration("behind", now.Sub(next)))
			next = s.nextDue(now)
		}
		due = next
	}
	return nil
}

// waitFor returns true once the clock has reached due, and false when the context ends first.
func (s *Server) waitFor(ctx context.Context, due time.Time) bool {
	for ctx.Err() == nil {
		left := due.Sub(s.clock())
		if left <= 0 {
			return true
		}
		lifecycle.Sleep(ctx, left)
	}
	return false
}

// nextDue is the first instant after now at which any metric is sampled.
func (s *Server) nextDue(now time.Time) time.Time {
	var next time.Time
	for _, m := range s.metrics {
		due := now.Truncate(m.period).Add(m.period)
		if next.IsZero() || due.Before(next) {
			next = due
		}
	}
	return next
}

// sample takes every metric that is due at the instant and stamps it with that instant.
func (s *Server) sample(due time.Time) {
	state := s.truth.State(s.clock())
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.metrics {
		if due.Truncate(m.period).Equal(due) {
			s.sampleMetric(m, state, due)
		}
	}
	s.store.trim(due, s.opts.Window, s.opts.MaxPoints)
}

func (s *Server) sampleMetric(m *metric, state State, due time.Time) {
	at := due.UnixNano()
	if m.topic != nil {
		for _, t := range state.Topics {
			s.store.addAll(m, t.Project, t.ID, m.topic(t), at)
		}
	} else {
		now := moment{at: due, regions: s.opts.Regions}
		if m.value == boolValue {
			s.health = s.health.next(state.Subscriptions)
			now.health = s.health
		}
		for _, sub := range state.Subscriptions {
			s.store.addAll(m, sub.Project, sub.ID, m.subscription(sub, now), at)
		}
	}
	s.store.previous[m] = max(at, s.store.previous[m])
}
