package hpa

import "time"

// stabilize holds want against the proposals inside the windows and records it, unstabilised.
func (c *Controller) stabilize(now time.Time, spec, want int32) int32 {
	if !c.hasBehavior {
		return c.stabilizeDown(now, want)
	}
	return c.stabilizeBoth(now, spec, want)
}

// stabilizeBoth moves spec as little as the windows ask: up to the lowest proposal of the scale-up window, down to the highest of the scale-down
// window, want counting in both. A proposal exactly one window old has left it (stabilizeRecommendationWithBehaviors).
func (c *Controller) stabilizeBoth(now time.Time, spec, want int32) int32 {
	upCutoff, downCutoff := now.Add(-c.up.window), now.Add(-c.down.window)
	lowest, highest := want, want
	for i := range c.proposals {
		p := &c.proposals[i]
		if p.at.After(upCutoff) {
			lowest = min(lowest, p.replicas)
		}
		if p.at.After(downCutoff) {
			highest = max(highest, p.replicas)
		}
	}
	c.proposals = c.proposals.put(record{at: now, replicas: want}, now.Add(-max(c.up.window, c.down.window)))
	return min(max(spec, lowest), highest)
}

// stabilizeDown is the path without a Behavior: the highest proposal of the last 5 minutes, one exactly 5 minutes old included
// (stabilizeRecommendation).
func (c *Controller) stabilizeDown(now time.Time, want int32) int32 {
	cutoff := now.Add(-c.settings.DownscaleStabilization)
	highest := want
	for i := range c.proposals {
		if p := &c.proposals[i]; !p.at.Before(cutoff) {
			highest = max(highest, p.replicas)
		}
	}
	c.proposals = c.proposals.put(record{at: now, replicas: want}, cutoff)
	return highest
}
