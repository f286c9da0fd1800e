package monitoring

const (
	// healthSamples is how many samples the delivery latency health score looks back: 10 minutes of 60 s.
	healthSamples = 10
	// pushUtilizationLimit is how many messages outstanding at a push endpoint make a subscription utilised.
	pushUtilizationLimit = 1000
)

// troubles are the counters that the health score is about.
type troubles struct{ nacks, expired, seeks int64 }

func troublesOf(s SubscriptionState) troubles {
	return troubles{nacks: s.Nacks, expired: s.ExpiredDeadlines, seeks: s.Seeks}
}

// since is what was counted after the earlier troubles; a counter that has gone back started again at 0.
func (t troubles) since(earlier troubles) troubles {
	if t.nacks < earlier.nacks || t.expired < earlier.expired || t.seeks < earlier.seeks {
		return t
	}
	return troubles{t.nacks - earlier.nacks, t.expired - earlier.expired, t.seeks - earlier.seeks}
}

// trail is one subscription's troubles at the last samples and their growth between them.
type trail struct {
	last   troubles
	growth []troubles // newest last, at most healthSamples
}

// health holds the trail of every subscription that exists, by project and ID.
type health map[resourceKey]trail

// next is the health after one more sample.
func (h health) next(subs []SubscriptionState) health {
	after := make(health, len(subs))
	for _, sub := range subs {
		key := resourceKey{sub.Project, sub.ID}
		now, before := troublesOf(sub), h[key]
		growth := before.growth
		if len(growth) == healthSamples {
			growth = growth[1:]
		}
		after[key] = trail{last: now, growth: append(growth, now.since(before.last))}
	}
	return after
}

// recent adds up a subscription's troubles over the last healthSamples samples.
func (h health) recent(s SubscriptionState) troubles {
	var sum troubles
	for _, g := range h[resourceKey{s.Project, s.ID}].growth {
		sum.nacks, sum.expired, sum.seeks = sum.nacks+g.nacks, sum.expired+g.expired, sum.seeks+g.seeks
	}
	return sum
}

// healthScore leaves out ack_latency, which the truth does not hold, and utilization of pull subscriptions.
func healthScore(s SubscriptionState, m moment) []reading {
	recent := m.health.recent(s)
	rows := []reading{
		{labels: []string{"expired_ack_deadlines"}, value: boolReading(recent.expired == 0)},
		{labels: []string{"nack_requests"}, value: boolReading(recent.nacks == 0)},
		{labels: []string{"seek_requests"}, value: boolReading(recent.seeks == 0)},
	}
	if pushed(s) {
		rows = append(rows, reading{labels: []string{"utilization"}, value: boolReading(s.Outstanding[push] < pushUtilizationLimit)})
	}
	return rows
}

func boolReading(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
