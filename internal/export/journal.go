package export

import (
	"time"

	"go.uber.org/zap"

	"spillway/internal/backlog"
)

// maxNamed bounds how many absent readings are named in the log of one poll.
const maxNamed = 10

// journal logs failures and changes of state, and nothing while everything stays as it is. The loop alone uses it.
type journal struct {
	log    *zap.Logger
	limits backlog.Limits
	states map[id]backlog.State
}

func newJournal(log *zap.Logger, limits backlog.Limits) *journal {
	return &journal{log: log, limits: limits, states: map[id]backlog.State{}}
}

// polled notes what became of a poll.
func (j *journal) polled(b *board, answers []answer, now time.Time) {
	var changed, lost []id
	for _, a := range answers {
		if a.err != nil {
			j.failed(a)
		}
		fresh := j.changes(b, a, now)
		changed = append(changed, fresh...)
		for _, which := range fresh {
			if a.err == nil && j.states[which] == backlog.Absent {
				lost = append(lost, which)
			}
		}
	}
	if len(changed) > 0 {
		j.counted()
	}
	for _, which := range lost[:min(len(lost), maxNamed)] {
		j.absent(which)
	}
}

// changes returns the readings of a query whose state is another than before. What was never known and is not answered
// now is no change.
func (j *journal) changes(b *board, a answer, now time.Time) []id {
	var changed []id
	for _, sub := range a.query.ids {
		which := id{a.query.metric, backlog.Subscription{Project: a.query.project, ID: sub}}
		state := b.read(which, now, j.limits).State
		before, known := j.states[which]
		if (known && before == state) || (!known && a.err != nil) {
			continue
		}
		j.states[which] = state
		changed = append(changed, which)
	}
	return changed
}

func (j *journal) counted() {
	count := map[backlog.State]int{}
	for _, state := range j.states {
		count[state]++
	}
	j.log.Info("readings changed", zap.Int("fresh", count[backlog.Fresh]), zap.Int("held", count[backlog.Held]),
		zap.Int("absent", count[backlog.Absent]))
}

// failed logs a failure that ends by itself as a warning, and one that somebody has to end as an error.
func (j *journal) failed(a answer) {
	write := j.log.Error
	if temporary(a.err) {
		write = j.log.Warn
	}
	write("poll failed", zap.String("metric", a.query.metric), zap.String("project", a.query.project), zap.Error(a.err))
}

func (j *journal) absent(which id) {
	j.log.Warn("no recent sample", zap.String("metric", which.metric), zap.String("subscription", which.sub.String()),
		zap.String("cure", "check the name; a new subscription has samples after some minutes, and Monitoring may have a gap"))
}
