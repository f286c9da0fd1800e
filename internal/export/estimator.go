package export

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"spillway/internal/backlog"
	"spillway/internal/fleet"
	"spillway/internal/nowcast"
	"spillway/internal/recording"
)

// estimator has the workers scraped, gives the law what is known of each subscription, and puts on the board what it says. One goroutine
// uses it.
type estimator struct {
	current *Current
	wants   *Wants
	teams   []func() []team
	fleet   *fleet.Fleet
	law     LawOptions
	clock   clock
	// period is the time from one round to the next, patience how old a scrape may be that counts.
	period, patience time.Duration
	// fresh is the age up to which a sample of the backlog is fresh.
	fresh time.Duration
	// all estimates every subscription that is watched. acks is whether the acks are read of every one anyway.
	all, acks bool
	record    *recording.Writer // nil for none
	log       *zap.Logger

	began  time.Time // the first round
	flows  map[flowKey]*flow
	wanted []backlog.Subscription
}

// flowKey is a subscription under the law of the flags or of an autoscaler.
type flowKey struct {
	sub                   backlog.Subscription
	namespace, autoscaler string
}

// flow is what is remembered from one tick to the next.
type flow struct {
	state          nowcast.State
	newest, before backlog.Sample
	section        *section        // that it was last looked at on
	result         *nowcast.Result // of the newest tick; never changed, because explanations read it
	entry          *estimated
}

// begin opens the recording, if there is to be one.
func (e *estimator) begin(path string, bound int64) (err error) {
	if path == "" {
		return nil
	}
	if e.record, err = recording.Create(path, bound); err != nil {
		return fmt.Errorf("--record: %w", err)
	}
	e.log.Info("recording", zap.String("file", path))
	return nil
}

// run makes a round at once and then every period, until ctx is done.
func (e *estimator) run(ctx context.Context) error {
	defer e.close()
	tick := time.NewTicker(e.period)
	defer tick.Stop()
	for {
		e.round(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (e *estimator) close() {
	e.fleet.Close()
	if e.record != nil {
		if err := e.record.Close(); err != nil {
			e.log.Warn("recording ended badly", zap.Error(err))
		}
	}
}

// round observes, estimates and publishes.
func (e *estimator) round(ctx context.Context) {
	crew := e.crew()
	scrapes := e.fleet.Round(ctx, crew.targets)
	if ctx.Err() != nil {
		return // what failed because the program ends is no failure
	}
	estimates := e.estimate(&crew, scrapes, time.Now())
	e.current.change(func(b *board) *board {
		next := *b
		next.estimates = estimates
		return &next
	})
	if e.record != nil {
		e.recorded(e.record.Flush())
	}
}

// crew says who works on what now, and has the acks of those subscriptions read.
func (e *estimator) crew() crew {
	var teams []team
	for _, more := range e.teams {
		teams = append(teams, more()...)
	}
	c := assemble(teams, e.wants.estimated(e.all))
	if e.acks {
		return c
	}
	subs := make([]backlog.Subscription, len(c.staffs))
	for i, s := range c.staffs {
		subs[i] = s.sub
	}
	if !slices.Equal(subs, e.wanted) {
		wants := make([]backlog.Want, len(subs))
		for i, sub := range subs {
			wants[i] = backlog.Want{Subscription: sub, Metrics: []backlog.Metric{backlog.AckMessageCount}}
		}
		e.wants.Put(estimatesSource, wants)
		e.wanted = subs
	}
	return c
}

// estimate ticks every flow that has something new, and returns all in order.
func (e *estimator) estimate(crew *crew, scrapes []fleet.Scrape, now time.Time) []*estimated {
	if e.began.IsZero() {
		e.began = now
	}
	byID := make(map[string]*fleet.Scrape, len(scrapes))
	for i := range scrapes {
		byID[scrapes[i].ID] = &scrapes[i]
	}
	board, kept := e.current.load(), make(map[flowKey]*flow, len(e.flows))
	var list []*estimated
	for _, s := range crew.staffs {
		for _, own := range append([]*team{nil}, s.own...) {
			key := flowKey{sub: s.sub}
			if own != nil {
				key.namespace, key.autoscaler = own.namespace, own.autoscaler
			}
			f := e.flows[key]
			if f == nil {
				f = &flow{}
			}
			kept[key] = f
			e.tick(key, f, s, e.lawOf(s, own), board, byID, now)
		}
	}
	e.flows = kept
	for key, f := range kept {
		e.share(key, f, byID, crew, now)
		list = append(list, f.entry)
	}
	slices.SortFunc(list, (*estimated).compare)
	return list
}

// tick gives the law what is known of a flow, unless nothing can have changed.
func (e *estimator) tick(key flowKey, f *flow, s *staff, law nowcast.Law, b *board, byID map[string]*fleet.Scrape, now time.Time) {
	section := b.section(s.sub.Project)
	if f.entry != nil && !s.known && section == f.section {
		return
	}
	f.section = section
	in := nowcast.Input{Now: e.clock.at(now), Replicas: s.replicas}
	in.Hold = s.window > 0 && now.Sub(e.began) < e.clock.shrink(s.window) // how long we were away nobody knows
	cause := f.look(section, s.sub, now, e.clock, &in)
	for _, id := range s.workers {
		in.Pods = append(in.Pods, e.clock.pod(byID[id], s.sub.ID))
	}
	result := f.state.Tick(law, in)
	f.result = &result
	f.entry = e.entry(key, f, s, law, cause, now)
	if e.record != nil {
		e.recorded(e.record.Write(&recording.Tick{
			Flow: recording.Flow{Subscription: s.sub, Autoscaler: autoscalerName(key)}, Law: law, Input: in, Desired: f.result.Desired,
		}))
	}
}

func autoscalerName(key flowKey) string {
	if key.autoscaler == "" {
		return ""
	}
	return key.namespace + "/" + key.autoscaler
}

// look takes Monitoring's samples from the board, and returns the answer about the backlog, whose reason is that of a missing one.
func (f *flow) look(s *section, sub backlog.Subscription, now time.Time, c clock, in *nowcast.Input) backlog.Answer {
	if s == nil {
		return notWatched(sub, backlog.Backlog)
	}
	level := s.answer(sub, s.backlog, now)
	if level.Total.State != backlog.Absent && level.Total.At.After(f.newest.At) {
		f.newest, f.before = level.Total.Sample, f.newest
	}
	if level.Total.State != backlog.Absent {
		in.Backlog, in.Before = c.sample(f.newest), c.sample(f.before)
	}
	if acks := s.answer(sub, backlog.AckMessageCount, now); acks.Total.State != backlog.Absent {
		in.Acks = c.sample(backlog.Sample{Value: c.perSecond(acks.Rate), At: acks.Total.At})
	}
	return level
}

// recorded ends the recording when it has failed, and says so once.
func (e *estimator) recorded(err error) {
	if err == nil || e.record == nil {
		return
	}
	e.log.Warn("recording failed, and ends", zap.Error(err))
	_ = e.record.Close() // it says the same
	e.record = nil
}

// checkRecord returns what keeps a recording from being begun at path.
func checkRecord(path string) error { return recording.Replaceable(path) }
