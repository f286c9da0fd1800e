package pull

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/lifecycle"
)

// The pauses before a stream is opened anew, doubled each time and jittered. After a passing failure the longest is
// short, so that receiving is back soon after an outage; a missing or refused subscription can be waited for longer.
const (
	firstWait    = 100 * time.Millisecond
	passingWait  = 5 * time.Second
	lastingWait  = 30 * time.Second
	healthyAfter = 10 * time.Second // a stream that lived so long starts the pauses from the first
	lookTimeout  = 5 * time.Second
)

// receive opens one stream after the other on a line, until ctx is done and the last one has ended.
func (s *Subscriber) receive(ctx context.Context, l *line, in *inventory) {
	for wait := firstWait; ctx.Err() == nil; {
		s.valve.await(ctx)
		begin := time.Now()
		err := s.valve.whileOpen(ctx, func(ctx context.Context) error { return s.attempt(ctx, l, in) })
		if paused, _ := s.valve.state(); paused || ctx.Err() != nil {
			continue
		}
		if time.Since(begin) > healthyAfter {
			wait = firstWait
		}
		pause := wait/2 + rand.N(wait/2) //nolint:gosec // Jitter needs no secrecy.
		s.report(err, time.Since(begin), pause)
		longest := lastingWait
		if passing(err) {
			longest = passingWait
		}
		wait = min(2*wait, longest)
		lifecycle.Sleep(ctx, pause)
		if err := l.renew(ctx, errors.Is(err, errPing)); err != nil {
			s.log.Warn("connecting anew", zap.Error(err))
		}
	}
}

// report tells people and metrics why there is no stream. Servers end healthy streams every half hour or so: that is no
// news.
func (s *Subscriber) report(err error, lived, pause time.Duration) {
	retry := zap.Duration("retry_in", pause.Round(time.Millisecond))
	if passing(err) && lived > healthyAfter {
		s.log.Info("the stream ended", zap.Error(err), retry)
		return
	}
	why := explain(s.name, err)
	if !passing(err) {
		s.state.fail(why)
		s.metrics.restarts.WithLabelValues(s.opts.Subscription.ID, status.Code(rootStatus(err)).String()).Inc()
	}
	s.log.Warn("no stream", zap.Error(why), retry)
	s.missed.Store(true)
}

// passing says whether the end of a stream needs nobody's help.
func passing(err error) bool {
	if code := status.Code(rootStatus(err)); code == codes.ResourceExhausted || code == codes.Unauthenticated {
		return false
	}
	return errors.Is(err, io.EOF) || errors.Is(err, errPing) || errors.Is(err, errStalled) || transient(err)
}

// attempt receives until the stream, or the first Pull that fails, has ended. Unless one is open already by that measure,
// it first makes sure that the subscription exists, so that readiness and the error's words do not hang on how a server
// refuses a stream.
func (s *Subscriber) attempt(ctx context.Context, l *line, in *inventory) error {
	if s.opts.Unary {
		sub, err := s.look(ctx)
		if err != nil {
			return err
		}
		s.state.begin(sub != nil)
		return s.ask(ctx, l, in, sub)
	}
	if s.Ready() != nil {
		sub, err := s.look(ctx)
		if err != nil {
			return err
		}
		s.state.begin(sub != nil)
	}
	return s.session(ctx, l, in)
}

// Subscription returns what the server says of the subscription, or nil when these credentials may not see it. Its error says
// what is to be done.
func (s *Subscriber) Subscription(ctx context.Context) (*pubsubpb.Subscription, error) {
	sub, err := s.look(ctx)
	if err != nil {
		return nil, explain(s.name, err)
	}
	return sub, nil
}

// look asks for the subscription once and returns it, or nil when these credentials may not see it, which is no error:
// roles/pubsub.subscriber allows to consume but not to get.
func (s *Subscriber) look(ctx context.Context) (sub *pubsubpb.Subscription, err error) {
	bounded, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	err = s.call(func(c *client) (err error) {
		sub, err = c.GetSubscription(bounded, &pubsubpb.GetSubscriptionRequest{Subscription: s.name})
		return err
	})
	if code := status.Code(rootStatus(err)); code == codes.PermissionDenied || code == codes.Unimplemented {
		return nil, nil
	}
	return sub, err
}
