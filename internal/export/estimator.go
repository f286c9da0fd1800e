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

// lawOf returns the law of the flags, or of a team that has settings of its own.
func (e *estimator) lawOf(s *staff, own *team) nowcast.Law {
	o, window := e.law, s.window
	if own != nil {
		o, _ = e.law.with(own.annotations) // what is wrong with them has been told
		window = own.window
	}
	law := nowcast.DefaultLaw()
	law.Drain, law.Headroom, law.IgnoreCPU = o.Drain, o.Headroom, o.IgnoreCPU
	law.Capacity, law.MaxRate = e.clock.perSecond(o.Capacity), e.clock.perSecond(o.MaxRate)
	law.Min, law.Max = o.Min, o.Max
	if law.Max == 0 && law.Min > 0 {
		law.Max = most
	}
	if window > 0 {
		law.Window = min(window, time.Hour)
	}
	law.Scrape = max(law.Scrape, e.clock.stretch(e.patience))
	law.Stale = max(law.Stale, e.clock.stretch(e.fresh)+time.Minute)
	return law
}

// most is no bound of replicas.
const most = 1 << 31 >> 1

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

// entry makes what the board shows of a tick.
func (e *estimator) entry(key flowKey, f *flow, s *staff, law nowcast.Law, cause backlog.Answer, now time.Time) *estimated {
	r, x := f.result, &f.result.Explanation
	entry := &estimated{
		sub: key.sub, namespace: key.namespace, autoscaler: key.autoscaler,
		staffed: len(s.workers) > 0, expected: x.Expected, scraped: x.Scraped,
	}
	entry.name()
	fast := e.clock.speed
	for _, one := range []struct {
		of    nowcast.Estimate
		times float64
		why   func() (backlog.Reason, string)
	}{
		{r.Backlog, 1, func() (backlog.Reason, string) { return noBacklog(cause) }},
		{r.ArrivalRate, fast, func() (backlog.Reason, string) { return noRate(r, cause) }},
		{r.Capacity, fast, func() (backlog.Reason, string) { return noCapacity(r, cause) }},
		{r.Desired, 1, func() (backlog.Reason, string) { return noDesired(r, cause) }},
		{r.Drain, 1 / fast, func() (backlog.Reason, string) { return noDrain(r, cause) }},
	} {
		entry.values = append(entry.values, e.value(one.of, one.times, law, s.known, now, one.why))
	}
	entry.explained = &explanation{sub: key.sub, autoscaler: autoscalerName(key), result: r, clock: e.clock, values: entry.values, at: now}
	return entry
}

// value makes one number of an estimate. It expires although nobody ticks any more: as long after its instant as nothing fresh may be heard.
// What is made anew in every round is fresh for some rounds, else for as long as a sample.
func (e *estimator) value(of nowcast.Estimate, times float64, law nowcast.Law, everyRound bool, now time.Time, why func() (backlog.Reason, string)) estimate {
	var v estimate
	if of.State != backlog.Fresh {
		v.reason, v.why = why()
	}
	if of.State == backlog.Absent {
		return v
	}
	at := now.Add(-time.Duration(float64(of.Age) / e.clock.speed))
	v.seen = backlog.See(backlog.Sample{Value: of.Value * times, At: at}, now)
	fresh := max(e.patience, e.fresh)
	if of.Age == 0 && everyRound {
		fresh = e.patience
	}
	if of.State == backlog.Held {
		fresh = -1
	}
	v.limits = backlog.Limits{Fresh: fresh, Hold: max(0, e.clock.shrink(law.Stale)-fresh)}
	return v
}

// share replaces the desired replicas of a flow whose workers also work on others by what all of them need together.
func (e *estimator) share(key flowKey, f *flow, byID map[string]*fleet.Scrape, crew *crew, now time.Time) {
	others := e.together(key, byID, crew)
	if len(others) < 2 || f.entry.values[desired].seen.At.IsZero() {
		return
	}
	results := make([]nowcast.Result, len(others))
	names := make([]string, len(others))
	for i, o := range others {
		results[i], names[i] = *o.result, fmt.Sprintf("%s (%.2f)", o.entry.sub.ID, o.result.Desired.Value)
	}
	shared := nowcast.Shared(results...)
	entry := *f.entry
	entry.values = slices.Clone(entry.values)
	entry.values[desired] = e.value(shared, 1, f.result.Explanation.Law, true, now, func() (backlog.Reason, string) {
		return backlog.ReasonGap, "what one of the flows needs that share its workers is not known"
	})
	if own, ok := entry.explained.(*explanation); ok {
		told := *own
		told.shared, told.sharing, told.values = shared, names, entry.values
		entry.explained = &told
	}
	f.entry = &entry
}

// desired is the place of the desired replicas among the values.
const desired = 3

// together returns the flows that share workers with one, itself among them, under the same autoscaler's law or else that of the flags.
func (e *estimator) together(key flowKey, byID map[string]*fleet.Scrape, crew *crew) []*flow {
	at, found := slices.BinarySearchFunc(crew.staffs, key.sub, func(s *staff, sub backlog.Subscription) int { return s.sub.Compare(sub) })
	if !found {
		return nil
	}
	var subs []backlog.Subscription
	for _, id := range crew.staffs[at].workers {
		if s := byID[id]; s != nil && len(s.Subscriptions) > 1 {
			subs = append(subs, s.Subscriptions...)
		}
	}
	slices.SortFunc(subs, backlog.Subscription.Compare)
	var flows []*flow
	for _, sub := range slices.Compact(subs) {
		f := e.flows[flowKey{sub, key.namespace, key.autoscaler}]
		if f == nil {
			f = e.flows[flowKey{sub: sub}]
		}
		if f != nil && f.entry != nil {
			flows = append(flows, f)
		}
	}
	return flows
}

// checkRecord returns what keeps a recording from being begun at path.
func checkRecord(path string) error { return recording.Replaceable(path) }
