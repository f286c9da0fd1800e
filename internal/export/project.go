package export

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"spillway/internal/backlog"
)

const (
	// maxCalls bounds the questions of one project that are asked at once.
	maxCalls = 4
	// minBudget is the least time that one poll may take, for intervals shorter than life.
	minBudget = 5 * time.Second
	// minGap keeps changes of what is wanted from polling all the time.
	minGap = 10 * time.Second
	// listEvery is how many intervals lie between two looks at the list of subscriptions, and listLimit how long one may take.
	listEvery = 5
	listLimit = 10 * time.Second
)

// question asks for the points of one metric of one project.
type question struct {
	def     backlog.Definition
	project string
	// ids are short IDs in order; none means all, as for topics.
	ids []string
	// since and until bound the instants; until is now.
	since, until time.Time
}

// source answers a question. It bounds its own attempts by the context's deadline and is safe for concurrent use.
type source interface {
	read(ctx context.Context, q question) ([]backlog.Measured, error)
}

// lister lists the short IDs of a project's subscriptions. It is safe for concurrent use.
type lister interface {
	list(ctx context.Context, project string) ([]string, error)
}

// settings are what every project polls by. They never change.
type settings struct {
	source   source
	lister   lister // may be nil: nobody says which subscriptions there are
	metrics  []backlog.Definition
	backlog  backlog.Metric
	interval time.Duration
	// delay is how long after its instant a sample of the backlog becomes visible.
	delay      time.Duration
	times      func(backlog.Definition) times
	idleAsZero bool
	temporary  func(error) bool
	current    *Current
	figures    *metrics
	health     *health
}

// project polls one project. Its fields are touched by run's goroutine only, except wants and changed.
type project struct {
	settings
	id      string
	wants   atomic.Pointer[map[string]want]
	changed chan struct{} // has room for one

	journal   *journal
	histories map[backlog.Metric]*history
	began     time.Time // the last poll
	complete  time.Time // the last poll that was answered in full
	roster    listing
	listed    time.Time // when the list was last asked for
}

// run polls at once, after every change of what is wanted, and once per interval, until ctx is done.
func (p *project) run(ctx context.Context) {
	for p.poll(ctx); p.wait(ctx, p.next()); {
		p.poll(ctx)
	}
}

func (p *project) next() time.Time {
	late := rand.Float64() //nolint:gosec // spreads calls over time, hides nothing
	return pace(time.Now(), p.newest(), p.interval, p.delay, late)
}

// wait reports whether it is time for the next poll, or false when ctx is done.
func (p *project) wait(ctx context.Context, next time.Time) bool {
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return true
		case <-p.changed:
			timer.Reset(max(0, time.Until(p.began.Add(min(minGap, p.interval)))))
		case <-ctx.Done():
			return false
		}
	}
}

// newest returns the instant of the newest sample of the backlog; zero when there is none.
func (p *project) newest() time.Time {
	var newest time.Time
	if h := p.histories[p.backlog]; h != nil {
		for _, s := range h.subjects {
			for _, t := range s.tracks {
				if t.newest.End.After(newest) {
					newest = t.newest.End
				}
			}
		}
	}
	return newest
}

// poll is one turn of the loop.
func (p *project) poll(ctx context.Context) {
	now, wants := time.Now(), *p.wants.Load()
	p.began = now
	defs := definitions(p.metrics, wants)
	p.observe(ctx, p.questions(defs, wants, now), now)
	if ctx.Err() != nil {
		return // what failed because the program ends is no failure
	}
	p.publish(defs, wants)
	p.record(defs, wants)
	if p.look(ctx, wants) {
		p.publish(defs, wants)
	}
	p.health.turned(p.id, time.Now())
}

// questions returns one for each metric that somebody wants.
func (p *project) questions(defs []backlog.Definition, wants map[string]want, now time.Time) []question {
	kept := map[backlog.Metric]*history{}
	var list []question
	for i, d := range defs {
		h := p.histories[d.Metric]
		if h == nil {
			h = newHistory(d, p.times(d))
		}
		kept[d.Metric] = h
		q := question{def: d, project: p.id, until: now}
		if !d.Metric.OfTopic() {
			q.ids = wantedIDs(wants, d.Metric, i < len(p.metrics))
		}
		q.since = h.since(q.ids, now)
		h.expect(q.ids)
		list = append(list, q)
	}
	p.histories = kept
	return list
}

// empty returns the section before the first poll, on which everything is absent.
func (p *project) empty(wants map[string]want) *section {
	defs := definitions(p.metrics, wants)
	p.questions(defs, wants, time.Now())
	return p.section(defs, wants)
}

// observe asks every question within the poll's budget. Each answer stands for itself.
func (p *project) observe(ctx context.Context, questions []question, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, budget(p.interval))
	defer cancel()
	var calls errgroup.Group
	calls.SetLimit(maxCalls)
	for _, q := range questions {
		h := p.histories[q.def.Metric]
		calls.Go(func() error {
			list, err := p.source.read(ctx, q)
			if h.failure = err; err == nil {
				h.take(q.ids, list, now)
			}
			return nil
		})
	}
	_ = calls.Wait()
}

// budget is how long one poll may take: half the interval, so that a metric that does not answer keeps the others' samples
// back for half an interval at most.
func budget(interval time.Duration) time.Duration { return max(interval/2, minBudget) }

// publish puts what is known now on the board.
func (p *project) publish(defs []backlog.Definition, wants map[string]want) {
	if !slices.ContainsFunc(defs, func(d backlog.Definition) bool { return p.histories[d.Metric].failure != nil }) {
		p.complete = p.began
	}
	s := p.section(defs, wants)
	p.current.change(func(b *board) *board { return b.with(s) })
}

func (p *project) section(defs []backlog.Definition, wants map[string]want) *section {
	s := &section{
		project: p.id, label: string(appendLabel(nil, "project_id", p.id)), ids: slices.Sorted(maps.Keys(wants)), wants: wants,
		roster: p.roster, complete: p.complete, backlog: p.backlog,
	}
	for _, d := range defs {
		s.columns = append(s.columns, p.histories[d.Metric].column(p.id, p.roster, p.idleAsZero))
	}
	return s
}

// record notes what became of the poll.
func (p *project) record(defs []backlog.Definition, wants map[string]want) {
	failed := 0
	for _, d := range defs {
		if h := p.histories[d.Metric]; h.failure != nil {
			failed++
			p.journal.failed(d.Metric, p.id, h.failure, p.temporary(h.failure))
		}
	}
	now := time.Now()
	p.figures.polled(p.id, failed, len(defs), p.complete)
	p.figures.watched(p.id, len(wants))
	p.health.polled(p.id, failed, len(defs), now)
	p.journal.polled(p.id, p.histories, now)
}

// look asks which subscriptions there are when one has no sample, and reports whether it did. That costs nothing but
// requests, and is not done more often than every five polls.
func (p *project) look(ctx context.Context, wants map[string]want) bool {
	if p.lister == nil || !p.curious(wants) || (!p.listed.IsZero() && time.Since(p.listed) < listEvery*p.interval) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	p.listed = time.Now()
	ids, err := p.lister.list(ctx, p.id)
	if ctx.Err() != nil && err == nil {
		err = ctx.Err()
	}
	p.roster = p.roster.next(ids, err, p.listed)
	p.journal.listed(p.id, err)
	return true
}

// curious reports whether the backlog of a subscription is not known.
func (p *project) curious(wants map[string]want) bool {
	h, now := p.histories[p.backlog], time.Now()
	if h == nil {
		return false
	}
	for id := range wants {
		s := h.subjects[id]
		if s == nil || !slices.ContainsFunc(s.tracks, func(t *track) bool { return t.seen.Read(now, h.times.limits).State != backlog.Absent }) {
			return true
		}
	}
	return false
}
