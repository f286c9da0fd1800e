package export

import (
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"spillway/internal/backlog"
)

// maxNamed bounds how many absent readings are named in the log of one poll.
const maxNamed = 10

// journal logs one project's failures and changes of state, and nothing while everything stays as it is. The project's
// loop alone uses it.
type journal struct {
	log     *zap.Logger
	backlog backlog.Metric // the one whose absence is told by name
	unknown bool           // the list of subscriptions could not be read
}

// polled notes what became of a poll. What was never known and is not answered now is no change.
func (j *journal) polled(project string, histories map[backlog.Metric]*history, now time.Time) {
	count, changed, named := map[backlog.State]int{}, false, 0
	for _, m := range slices.Sorted(maps.Keys(histories)) {
		h := histories[m]
		for _, id := range slices.Sorted(maps.Keys(h.subjects)) {
			s := h.subjects[id]
			state := s.best(h, now)
			count[state]++
			if s.known && s.state == state {
				continue
			}
			s.state, s.known, changed = state, true, true
			if state == backlog.Absent && h.failure == nil && m == j.backlog {
				named++
				j.absent(m, project, id, named)
			}
		}
	}
	if changed {
		j.log.Info("readings changed", zap.String("project", project), zap.Int("fresh", count[backlog.Fresh]),
			zap.Int("held", count[backlog.Held]), zap.Int("absent", count[backlog.Absent]))
	}
}

// best is the state of the best of a subject's series.
func (s *subject) best(h *history, now time.Time) backlog.State {
	best := backlog.Absent
	if s.zero != nil {
		best = s.zero.Read(now, h.times.limits).State
	}
	for _, t := range s.tracks {
		best = max(best, t.seen.Read(now, h.times.limits).State)
	}
	return best
}

// failed logs a failure that ends by itself as a warning, and one that somebody has to end as an error.
func (j *journal) failed(m backlog.Metric, project string, err error, temporary bool) {
	write := j.log.Error
	if temporary {
		write = j.log.Warn
	}
	write("poll failed", zap.String("metric", string(m)), zap.String("project", project), zap.Error(err))
}

func (j *journal) absent(m backlog.Metric, project, id string, named int) {
	if named > maxNamed {
		return
	}
	sub := backlog.Subscription{Project: project, ID: id}
	j.log.Warn("no recent sample", zap.String("metric", string(m)), zap.String("subscription", sub.String()),
		zap.String("cure", "check the name and the project; a new subscription has samples after some minutes, and Monitoring may have a gap"))
}

// listed logs once that the list of subscriptions cannot be read, and once that it can again.
func (j *journal) listed(project string, err error) {
	switch {
	case err != nil && !j.unknown:
		j.log.Warn("listing subscriptions failed", zap.String("project", project), zap.Error(err))
	case err == nil && j.unknown:
		j.log.Info("listing subscriptions works again", zap.String("project", project))
	}
	j.unknown = err != nil
}
