package demo

import "time"

// Pace is how many seconds of the story pass in one second. Rates of messages are not scaled: they stay per real second.
type Pace float64

// Wall is how long a stretch of the story takes.
func (p Pace) Wall(story time.Duration) time.Duration {
	return time.Duration(float64(story) / float64(p))
}

// Story is how much of the story passes in a stretch of real time.
func (p Pace) Story(wall time.Duration) time.Duration {
	return time.Duration(float64(wall) * float64(p))
}

// Phase is a part of the story with a steady rate.
type Phase struct {
	Name  string
	Lasts time.Duration // Story time.
	Rate  float64       // Messages per real second.
}

// Story is what the publishers do, phase after phase.
type Story []Phase

// offers is the day of a flow of offer changes: a flow that two pods carry, ten times as much at once, a quiet time.
// Steady lasts until Monitoring has shown a new subscription's first samples, quiet about as long as the autoscaler
// needs to come down again by 20 % a minute after five minutes of hesitation.
func offers() Story {
	return Story{
		{Name: "steady", Lasts: 5 * time.Minute, Rate: 300},
		{Name: "burst", Lasts: 5 * time.Minute, Rate: 3000},
		{Name: "quiet", Lasts: 15 * time.Minute, Rate: 100},
	}
}

// Length is the story's time from beginning to end.
func (s Story) Length() time.Duration {
	var sum time.Duration
	for _, p := range s {
		sum += p.Lasts
	}
	return sum
}

// Begin is when the phase begins, in story time; the end of the story if there is no phase of that name.
func (s Story) Begin(name string) time.Duration {
	var sum time.Duration
	for _, p := range s {
		if p.Name == name {
			break
		}
		sum += p.Lasts
	}
	return sum
}

// At returns the phase at a moment of the story; false before it has begun and after it has ended.
func (s Story) At(at time.Duration) (Phase, bool) {
	for _, p := range s {
		if at >= 0 && at < p.Lasts {
			return p, true
		}
		at -= p.Lasts
	}
	return Phase{}, false
}

// Due is how many messages have been published at a moment of the story when it is told at pace.
func (s Story) Due(at time.Duration, pace Pace) int64 {
	var sum float64
	for _, p := range s {
		told := min(max(at, 0), p.Lasts)
		sum += p.Rate * told.Seconds() / float64(pace)
		at -= p.Lasts
	}
	return int64(sum + 1e-6) // Thirds of a second add up to a hair less than they should.
}

// Schedule tells the story to the load generator.
func (s Story) Schedule(pace Pace) func(elapsed time.Duration) (due int64, last bool) {
	return func(elapsed time.Duration) (int64, bool) {
		at := pace.Story(elapsed)
		return s.Due(at, pace), at >= s.Length()
	}
}
