package export

import (
	"maps"
	"slices"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/fleet"
)

// team is who works on some subscriptions: what one autoscaler scales, or who was named by flags.
type team struct {
	// namespace and autoscaler name the autoscaler; empty for the flags'.
	namespace, autoscaler string
	subs                  []backlog.Subscription
	// replicas is how many there are to be; negative when that is not known.
	replicas int
	// window is the autoscaler's window of scaling down; 0 when it is not known.
	window time.Duration
	// annotations are the autoscaler's own settings.
	annotations map[string]string
	workers     []fleet.Target
}

// staff is who works on one subscription.
type staff struct {
	sub      backlog.Subscription
	replicas int
	window   time.Duration
	workers  []string // by ID, in order and once each
	// own are the teams whose autoscaler has settings of its own.
	own []*team
	// known says that some team works on it, even if it has no worker now.
	known bool
}

// crew is everybody, at one instant.
type crew struct {
	targets []fleet.Target
	staffs  []*staff // in the order of their subscriptions
}

// assemble puts the teams together. Asked are subscriptions that are estimated although nobody may work on them.
func assemble(teams []team, asked []backlog.Subscription) crew {
	staffs := map[backlog.Subscription]*staff{}
	meet := func(sub backlog.Subscription) *staff {
		if staffs[sub] == nil {
			staffs[sub] = &staff{sub: sub, replicas: -1}
		}
		return staffs[sub]
	}
	for _, sub := range asked {
		meet(sub)
	}
	var targets []fleet.Target
	for i := range teams {
		t := &teams[i]
		targets = append(targets, t.workers...)
		for _, sub := range t.subs {
			meet(sub).join(t)
		}
	}
	c := crew{targets: fleet.Merge(targets...)}
	for _, sub := range slices.SortedFunc(maps.Keys(staffs), backlog.Subscription.Compare) {
		s := staffs[sub]
		slices.Sort(s.workers)
		s.workers = slices.Compact(s.workers)
		c.staffs = append(c.staffs, s)
	}
	return c
}

// join adds a team.
func (s *staff) join(t *team) {
	if t.replicas >= 0 {
		s.replicas = max(0, s.replicas) + t.replicas
	}
	s.known = true
	s.window = max(s.window, t.window)
	for i := range t.workers {
		if slices.Contains(t.workers[i].Subscriptions, s.sub) {
			s.workers = append(s.workers, t.workers[i].ID)
		}
	}
	if len(t.annotations) > 0 {
		s.own = append(s.own, t)
	}
}
