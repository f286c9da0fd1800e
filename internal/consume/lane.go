package consume

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"spillway/internal/backlog"
	"spillway/internal/config"
	"spillway/internal/deliver"
	"spillway/internal/idtoken"
	"spillway/internal/pull"
	"spillway/internal/push"
	"spillway/internal/tracing"
)

// lane is one flow with everything that it has for itself.
type lane struct {
	name    string
	opts    FlowOptions
	sub     backlog.Subscription
	window  pull.Options     // its limits
	source  *pull.Subscriber // nil when messages are only pushed
	letters *topicLetters    // nil without a topic
	target  *deliver.Target  // nil with a built-in handler
	flow    *flow
}

// newLane makes a lane whose payloads may take so many bytes at once. The options must be valid.
func (a *App) newLane(opts FlowOptions, bytes int) *lane {
	sub := opts.subscription(a.opts.Project, &config.Errors{})
	return &lane{
		name: opts.name(sub), opts: opts, sub: sub,
		window: pull.Options{
			Subscription:           sub,
			MaxOutstandingMessages: opts.Concurrency + allowance(opts.Concurrency),
			MaxOutstandingBytes:    bytes,
			Handlers:               opts.Concurrency,
			Unary:                  opts.PullMode == pullUnary,
			Streams:                opts.Streams,
			LeaseExtension:         opts.LeaseExtension,
			MaxLease:               2*opts.HandlerTimeout + a.opts.DrainLimit + parkedLease,
		},
	}
}

// open makes what can fail for good: clients and their credentials. close releases it, also after an error.
func (l *lane) open(ctx context.Context, a *App, m *pull.Metrics) (err error) {
	if l.opts.pulls() {
		if l.source, err = pull.NewSubscriber(ctx, l.window, m, a.log.Named("pull")); err != nil {
			return err
		}
	}
	if l.opts.DeadLetterTopic != "" {
		topic, err := backlog.ParseTopic(l.opts.DeadLetterTopic, a.opts.Project)
		if err != nil {
			return err
		}
		if l.letters, err = newTopicLetters(ctx, topic, l.sub); err != nil {
			return err
		}
	}
	l.flow = l.newFlow(a)
	return nil
}

func (l *lane) newFlow(a *App) *flow {
	slots, handler := newSlots(l.opts.Concurrency), l.handler(a.tracing)
	m := newMetrics(a.registry, l.sub.ID, slots, l.leased())
	log := a.log.Named("flow").With(zap.Stringer("subscription", l.sub))
	f := &flow{
		gate: l.newGate(slots, m, log), rate: newRate(l.opts.MaxRate, slots, m.holds.rate),
		handler: handler, drain: a.opts.DrainLimit,
		slots: slots, lot: newLot(allowance(l.opts.Concurrency), m.parked),
		spans: newSpans(a.tracing, l.sub),
		watch: &watch{limit: l.opts.HandlerTimeout, stuck: m.stuck}, metrics: m, log: log, rarely: sampled(log),
	}
	if l.source != nil {
		f.receiver = l.source
	}
	if l.letters != nil {
		f.letters = l.letters
	}
	return f
}

// checkLetters warns where dead letters cannot be published, or come back: otherwise the first one would tell, perhaps after weeks.
func (l *lane) checkLetters(ctx context.Context) {
	if l.letters == nil {
		return
	}
	if err := l.letters.check(ctx); err != nil {
		l.flow.log.Warn("dead letters cannot be published: what is to become one will be nacked", zap.Error(err))
		return
	}
	if l.letters.comeBack(ctx) {
		l.flow.log.Warn("dead letters come back for ever: their topic is the one that the flow subscribes to; give dead-letter-topic another",
			zap.Stringer("topic", l.letters.topic))
	}
}

// leased returns what counts the messages that the lane's stream has lent; nil without one.
func (l *lane) leased() func() int {
	if l.source == nil {
		return nil
	}
	return func() int { n, _ := l.source.Outstanding(); return n }
}

// newGate makes the gate before a target; other handlers are always there.
func (l *lane) newGate(s *slots, m *metrics, log *zap.Logger) *gate {
	var check func(context.Context) error
	if l.target != nil {
		check = l.target.Check
	}
	pause := func(bool) {}
	if l.source != nil {
		pause = l.source.Pause
	}
	return newGate(&gate{check: check, pause: pause, hold: l.opts.LeaseExtension, slots: s, holds: &m.holds, log: log})
}

func (l *lane) handler(t *tracing.Tracing) deliver.Handler {
	switch l.opts.Handler {
	case "discard":
		return deliver.Discard{}
	case "work":
		return l.opts.Work
	}
	endpoint, _ := parseTarget(l.opts.Target)
	opts := deliver.TargetOptions{URL: endpoint, Format: l.opts.Format, Subscription: l.sub, EventSource: l.opts.EventSource, Concurrency: l.opts.Concurrency, Tracing: t}
	if l.opts.TargetHealth != "" {
		opts.Health, _ = parseTarget(l.opts.TargetHealth)
	}
	l.target = deliver.NewTarget(opts)
	return l.target
}

// ready says why the lane's stream is not open; a lane without one is ready.
func (l *lane) ready() error {
	if l.source == nil {
		return nil
	}
	return l.source.Ready()
}

// wedged says why no handler ends any more.
func (l *lane) wedged(now time.Time) error {
	if err := l.flow.watch.check(now); err != nil {
		return fmt.Errorf("flow %s: %w", l.name, err)
	}
	return nil
}

// endpoint is where the lane takes pushes. keys are needed where tokens are asked for.
func (l *lane) endpoint(keys *idtoken.Keys) push.Endpoint {
	e := push.Endpoint{Subscription: l.sub, Flow: l.flow}
	if l.opts.PushAudience != "" {
		expected := idtoken.Expected{Audience: l.opts.PushAudience, Email: l.opts.PushServiceAccount}
		e.Tokens = tokens{idtoken.NewVerifier(keys, expected, time.Now)}
	}
	return e
}

// tokens tells push apart what says nothing about a token.
type tokens struct{ verifier *idtoken.Verifier }

// Verify implements push.Tokens.
func (t tokens) Verify(ctx context.Context, token string) error {
	err := t.verifier.Verify(ctx, token)
	if errors.Is(err, idtoken.ErrNoKeys) {
		return fmt.Errorf("%w: %w", push.ErrUndecided, err)
	}
	return err
}

// MarshalLogObject shows the lane's limits.
func (l *lane) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	enc.AddString("name", l.name)
	enc.AddString("subscription", l.sub.String())
	enc.AddString("receive", l.opts.Receive)
	enc.AddInt("concurrency", l.opts.Concurrency)
	if l.opts.pulls() {
		enc.AddString("pull_mode", l.opts.PullMode)
		enc.AddInt("window_messages", l.window.MaxOutstandingMessages)
		enc.AddInt("window_bytes", l.window.MaxOutstandingBytes)
	}
	enc.AddDuration("handler_timeout", l.opts.HandlerTimeout)
	if l.opts.pushed() {
		enc.AddBool("push_tokens", l.opts.PushAudience != "")
	}
	return nil
}

// close releases what open made, or half of it.
func (l *lane) close() error {
	var errs []error
	if l.letters != nil {
		errs = append(errs, l.letters.close())
	}
	if l.source != nil {
		errs = append(errs, l.source.Close())
	}
	if l.target != nil {
		l.target.Close()
	}
	return errors.Join(errs...)
}
