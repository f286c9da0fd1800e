package export

import (
	"maps"
	"time"

	"spillway/internal/backlog"
)

// id names one reading: a level's metric type and a subscription.
type id struct {
	metric string
	sub    backlog.Subscription
}

// board is what is known after one poll. It is never changed once published; the tick makes the next one.
type board struct {
	levels []level
	subs   []backlog.Subscription // in order, the same on every board
	// samples holds the newest sample of every reading that was ever answered.
	samples map[id]backlog.Sample
	// complete is when the last poll began that was answered in full; zero before the first.
	complete time.Time
}

// newBoard returns the board before the first poll, on which everything is absent.
func newBoard(levels []level, subs []backlog.Subscription) *board {
	return &board{levels: levels, subs: subs, samples: map[id]backlog.Sample{}}
}

// read judges one reading at now. Nothing known reads absent.
func (b *board) read(which id, now time.Time, limits backlog.Limits) backlog.Reading {
	return backlog.Read(b.samples[which], now, limits)
}

// ids returns every reading in the order of levels and subscriptions.
func (b *board) ids() []id {
	all := make([]id, 0, len(b.levels)*len(b.subs))
	for _, l := range b.levels {
		for _, sub := range b.subs {
			all = append(all, id{l.metric, sub})
		}
	}
	return all
}

// query asks for one level of every subscription of one project.
type query struct {
	metric  string
	project string
	// ids are short IDs.
	ids []string
}

// queries returns one query per level and project: that many calls make a poll, however many the subscriptions.
func (b *board) queries() []query {
	var list []query
	for _, l := range b.levels {
		for i, sub := range b.subs {
			if i == 0 || sub.Project != b.subs[i-1].Project {
				list = append(list, query{metric: l.metric, project: sub.Project})
			}
			last := &list[len(list)-1]
			last.ids = append(last.ids, sub.ID)
		}
	}
	return list
}

// answer is what became of one query.
type answer struct {
	query   query
	samples map[backlog.Subscription]backlog.Sample
	err     error
}

// judge returns the board after a poll that began at now. A sample takes the place of one that is not newer. What the
// answers lack stays as it was: it ages, and expires when it is too old to repeat.
func judge(last *board, answers []answer, now time.Time) *board {
	next := *last
	next.samples = maps.Clone(last.samples)
	next.complete = now
	for _, a := range answers {
		if a.err != nil {
			next.complete = last.complete
		}
		for sub, s := range a.samples {
			which := id{a.query.metric, sub}
			if !s.At.Before(next.samples[which].At) {
				next.samples[which] = s
			}
		}
	}
	return &next
}
