package demo

import (
	"math"
	"time"

	"spillway/internal/hpa"
)

// historyStep is how much of the story one point of the history holds.
const historyStep = 5 * time.Second

// rateWindow is the time over which rates are measured.
const rateWindow = time.Second

// Level is a number of messages that may be unknown. Unknown is not zero.
type Level struct {
	Messages int64
	Known    bool
}

// Point is one moment of the history.
type Point struct {
	Backlog, Monitoring Level
	Replicas            int
}

// Frame is everything that the view and the summary show.
type Frame struct {
	Elapsed time.Duration // Real time since the story began.
	Told    time.Duration // Story time.
	// Taken says that somebody has taken over: the load is theirs, not the story's.
	Taken bool
	// Arriving and Handling are in messages per second over the last second.
	Arriving, Handling float64
	Counts             Counts
	// Lost is how many messages can neither be waiting nor have been handled: a lower bound while messages flow, exact
	// once they rest.
	Lost int64
	// Failed counts messages that the server did not take.
	Failed              int64
	Backlog, Monitoring Level
	// PeakBacklog and PeakMonitoring are the greatest so far.
	PeakBacklog, PeakMonitoring Level
	Replicas                    Replicas
	// Fewest and Most are of the replicas that the autoscaler wanted.
	Fewest, Most int
	Reason       hpa.Reason
	Latest, All  Ages
	// Raise is when the first scale-up after the beginning of the burst came, in story time since then; 0 while none has.
	Raise time.Duration
	// RightSize is when as many workers served as the burst needs, in story time since its beginning; 0 while they have not.
	RightSize time.Duration
	// PodSeconds adds up how long there were processes of workers, those that drain included.
	PodSeconds float64
	// Reading is what the exporter said.
	Reading reading
	// Sync is the autoscaler's last turn.
	Sync    Sync
	History []Point
	Faults  []string
}

// observation is what was seen at one moment.
type observation struct {
	elapsed time.Duration
	taken   bool
	// before and after are the ledger's counts before and after the backlog was read.
	before, after Counts
	failed        int64
	backlog       Level
	reading       reading
	replicas      Replicas
	latest, all   Ages
	faults        []string
}

// tracker turns observations into frames. It is pure and not safe for concurrent use.
type tracker struct {
	story Story
	pace  Pace
	needs int // How many workers the burst needs.
	frame Frame
	marks []mark // Of the last rateWindow, oldest first.
}

// mark is the state of two counters at a moment.
type mark struct {
	at                 time.Duration
	published, handled int64
}

// newTracker returns one that has seen nothing. work is how long each message takes.
func newTracker(story Story, pace Pace, work time.Duration) *tracker {
	perWorker := concurrency / work.Seconds()
	burst, _ := story.At(story.Begin("burst"))
	return &tracker{story: story, pace: pace, needs: int(math.Ceil(burst.Rate / perWorker)), marks: []mark{{}}, frame: Frame{Reading: unread()}}
}

// observe takes an observation in; the elapsed time never goes back.
func (t *tracker) observe(o observation) {
	f := &t.frame
	f.PodSeconds += float64(f.Replicas.Wanted+f.Replicas.Draining) * (o.elapsed - f.Elapsed).Seconds()
	f.Elapsed, f.Told, f.Taken = o.elapsed, t.pace.Story(o.elapsed), o.taken
	f.Counts, f.Failed, f.Faults = o.after, o.failed, o.faults
	f.Latest, f.All = o.latest, o.all
	t.rates(mark{o.elapsed, o.after.Published, o.after.Handled})
	t.replicas(o.replicas)
	f.Backlog, f.Reading, f.Monitoring = o.backlog, o.reading, o.reading.level()
	f.PeakBacklog = higherLevel(f.PeakBacklog, o.backlog)
	f.PeakMonitoring = higherLevel(f.PeakMonitoring, f.Monitoring)
	if o.backlog.Known {
		f.Lost = max(0, lost(o))
	}
	t.remember()
}

// lost is how many messages are missing at least. Whatever was published before the backlog was read and is still not
// handled after it must be part of that backlog, because a message leaves it only once it has been handled.
//
//	lost >= waiting(after) - [published(after) - published(before)] - backlog
func lost(o observation) int64 {
	return o.after.Waiting - (o.after.Published - o.before.Published) - o.backlog.Messages
}

func (t *tracker) rates(now mark) {
	for len(t.marks) > 1 && now.at-t.marks[1].at >= rateWindow {
		t.marks = t.marks[1:]
	}
	first := t.marks[0]
	if passed := (now.at - first.at).Seconds(); passed > 0 {
		t.frame.Arriving = float64(now.published-first.published) / passed
		t.frame.Handling = float64(now.handled-first.handled) / passed
	}
	t.marks = append(t.marks, now)
}

func (t *tracker) replicas(r Replicas) {
	f := &t.frame
	f.Replicas = r
	if f.Most == 0 {
		f.Fewest = r.Wanted
	}
	f.Fewest, f.Most = min(f.Fewest, r.Wanted), max(f.Most, r.Wanted)
	if after := f.Told - t.story.Begin("burst"); after > 0 && r.Serving >= t.needs && f.RightSize == 0 {
		f.RightSize = after
	}
}

// remember writes the newest point of the history; what falls into the same step keeps its greatest values.
func (t *tracker) remember() {
	f := &t.frame
	p := Point{Backlog: f.Backlog, Monitoring: f.Monitoring, Replicas: f.Replicas.Wanted}
	at := int(f.Told / historyStep)
	if at < len(f.History) {
		p = higher(f.History[at], p)
	}
	for len(f.History) <= at { // A moment that nothing was seen in looks like the one after it.
		f.History = append(f.History, p)
	}
	f.History[at] = p
}

func higher(a, b Point) Point {
	return Point{
		Backlog: higherLevel(a.Backlog, b.Backlog), Monitoring: higherLevel(a.Monitoring, b.Monitoring),
		Replicas: max(a.Replicas, b.Replicas),
	}
}

func higherLevel(a, b Level) Level {
	if !a.Known || (b.Known && b.Messages > a.Messages) {
		return b
	}
	return a
}

// sync takes a turn of the autoscaler in.
func (t *tracker) sync(s Sync) {
	f := &t.frame
	f.Reason, f.Sync = s.Reason, s
	if after := s.At - t.story.Begin("burst"); s.Raised() && after > 0 && f.Raise == 0 {
		f.Raise = after
	}
}
