package demo

import (
	"math"
	"sync"
	"time"
)

// The load's controls.
const (
	spikeFactor = 10
	// spikeLasts is story time, as long as the story's own burst.
	spikeLasts = 5 * time.Minute
	// bulkMessages are published at once; like the autoscaler's target they are divided by the pace.
	bulkMessages = 240_000
)

// dial is the load: the story's until somebody turns it. From then on the show goes on until it is ended. It is safe for
// concurrent use.
type dial struct {
	story Story
	pace  Pace

	mu    sync.Mutex
	at    time.Duration // Up to when extra is counted, since the story began.
	extra float64       // What was published beyond the story, or less than 0.
	due   int64
	rate  float64 // Messages per second; below 0 the story's.
	spike time.Duration
	taken bool
	ended bool
}

func newDial(story Story, pace Pace) *dial { return &dial{story: story, pace: pace, rate: -1} }

// Schedule is a load.Schedule. It says that there is no more once end was called.
func (d *dial) Schedule(elapsed time.Duration) (due int64, last bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.advance(elapsed)
	return d.due, d.ended
}

// advance counts what has become due.
func (d *dial) advance(elapsed time.Duration) {
	if elapsed > d.at {
		middle := d.at + (elapsed-d.at)/2
		d.extra += (d.rateAt(middle) - d.told(middle)) * (elapsed - d.at).Seconds()
		d.at = elapsed
	}
	d.due = max(d.due, int64(math.Round(float64(d.story.Due(d.pace.Story(d.at), d.pace))+d.extra)))
}

// told is the story's own rate.
func (d *dial) told(at time.Duration) float64 {
	p, _ := d.story.At(d.pace.Story(at))
	return p.Rate
}

// rateAt is the rate with what was turned. After its end the story's last rate goes on for those who have turned something.
func (d *dial) rateAt(at time.Duration) float64 {
	rate := d.base(at)
	if at < d.spike {
		rate *= spikeFactor
	}
	return rate
}

func (d *dial) base(at time.Duration) float64 {
	switch {
	case d.rate >= 0:
		return d.rate
	case d.taken && d.pace.Story(at) >= d.story.Length():
		return d.story[len(d.story)-1].Rate
	default:
		return d.told(at)
	}
}

// take says that somebody turns something: the show goes on beyond the story.
func (d *dial) take() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.taken = true
}

// setRate makes the load steady from now on.
func (d *dial) setRate(rate float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rate = rate
}

// startSpike multiplies the rate for a while.
func (d *dial) startSpike() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.spike = d.at + d.pace.Wall(spikeLasts)
}

// bulk makes messages due at once, and returns how many.
func (d *dial) bulk() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := int64(float64(bulkMessages) / float64(d.pace))
	d.extra += float64(n)
	return n
}

// end lets the schedule come to its end with what is due.
func (d *dial) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
}

// dialState is how the dial stands. Over says that the story is told and nobody has taken over.
type dialState struct {
	rate  float64
	spike bool
	taken bool
	over  bool
	due   int64
}

func (d *dial) state() dialState {
	d.mu.Lock()
	defer d.mu.Unlock()
	return dialState{
		rate: d.base(d.at), spike: d.at < d.spike, taken: d.taken, due: d.due,
		over: !d.taken && d.pace.Story(d.at) >= d.story.Length(),
	}
}
