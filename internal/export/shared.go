package export

import (
	"fmt"
	"slices"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/fleet"
	"spillway/internal/nowcast"
)

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
