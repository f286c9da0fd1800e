// Package nowcast says what a subscription's backlog is now and how many pods it needs, from Cloud Monitoring's late samples and the workers'
// own counters. It is pure: the clock is an argument and what is remembered between two ticks is a [State] that the caller keeps.
//
// Messages, seconds, messages per second:
//
//	F        handlers running, summed over the pods          W = max(0, B - F)   work that waits
//	N, D     first deliveries; messages that left the backlog (each cumulative, summed over the pods)
//	p        the publish-time frontier: now - age of first deliveries, age >= 0
//	caught up: every pod has its stream open, is not paused and has free slots, and (age < 2 s or nothing was delivered for 2 s)
//	lambda   caught up: dN/dt over the last 60 s, or since it was caught up; else dN/dp over the last 60 s, over the last few seconds of p
//	         where the rate has changed, over more than 60 s where p moves too little in them; else what Monitoring says: (B2 - B1 + D(s1,s2)) / (s2 - s1)
//	B        caught up: F; else max(F, anchor + lambda * (now - t) - D(t, now)), the anchor being the later of Monitoring's newest sample and
//	         the last instant seen caught up; while first deliveries are younger than 10 s, the mean of that and of F + lambda * age, by how far
//	         each may be off. Ages are what the pods' clocks make of them less what those made of none, learned while caught up
//	mu       the nearest ceiling of one pod: slots, processor, what it reached while saturated
//	desired  (W/T + h*lambda) / mu, rounded to 0.01
package nowcast
