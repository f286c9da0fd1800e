package page

import (
	"slices"
	"sync"
	"time"
)

// The history's measures. It holds 1200 steps: half a second each for the first ten minutes, then as much longer as it
// takes, and from 4 s on (80 minutes) the oldest quarter is dropped when it is full.
const (
	firstStep = 500 * time.Millisecond
	lastStep  = 4 * time.Second
	capacity  = 1200
	// maxLanes bounds how many workers are shown, those that are gone included; maxEvents what the ledger keeps.
	maxLanes  = 32
	maxEvents = 200
)

// Moment is everything that is seen at once.
type Moment struct {
	Elapsed time.Duration
	Values  Values
	Workers []Worker
	Frame   Frame
}

// Values are the charts' columns at one moment.
type Values struct {
	// Arriving and Settled are in messages per second.
	Arriving, Settled Value
	// Backlog is the true one, Monitoring what Cloud Monitoring shows (0 held, 1 fresh in Fresh), Estimate Spillway's.
	Backlog, Monitoring, Estimate Value
	// Held is 1 while what Monitoring shows is a repeated value.
	Held Value
	// Wanted is what the autoscaler has set, Serving how many workers serve, Asked what Spillway's law asks for.
	Wanted, Serving, Asked Value
	// P50 and P99 are ages in seconds.
	P50, P99 Value
}

// columns names the values in the order of row.
func columns() []string {
	return []string{"arriving", "settled", "backlog", "monitoring", "estimate", "held", "wanted", "serving", "asked", "p50", "p99"}
}

func (v Values) row() []Value {
	return []Value{v.Arriving, v.Settled, v.Backlog, v.Monitoring, v.Estimate, v.Held, v.Wanted, v.Serving, v.Asked, v.P50, v.P99}
}

func merges() []merge {
	return []merge{mean, mean, most, most, most, most, most, most, most, most, most}
}

// The states of a worker.
const (
	StateStarting = "starting"
	StateServing  = "serving"
	StateDraining = "draining"
	StateGone     = "gone"
)

// Worker is one process at one moment.
type Worker struct {
	Name  string `json:"name"`
	State string `json:"state"`
	// Cut says that its network is cut.
	Cut bool `json:"cut"`
	// Page is the worker's own page, empty while it does not serve.
	Page     string `json:"page,omitempty"`
	InFlight Value  `json:"inFlight"`
	Rate     Value  `json:"rate"`
}

// Frame is what is shown as it is at this moment and has no history.
type Frame struct {
	// Phase is the part of the story that is told, and Clock the story's time.
	Phase string `json:"phase"`
	Clock string `json:"clock"`
	// Ending says how the show comes to its end.
	Ending      string `json:"ending"`
	Published   int64  `json:"published"`
	Settled     int64  `json:"settled"`
	Lost        int64  `json:"lost"`
	Duplicated  int64  `json:"duplicated"`
	Redelivered int64  `json:"redelivered"`
	Waiting     int64  `json:"waiting"`
	// Monitoring says how what Monitoring shows is to be read: fresh, held with its age, or why there is nothing.
	Monitoring string `json:"monitoring"`
	// Autoscaler is the autoscaler's last decision in words, Explain the exporter's arithmetic.
	Autoscaler string   `json:"autoscaler"`
	Explain    string   `json:"explain"`
	Controls   Controls `json:"controls"`
	PodSeconds int64    `json:"podSeconds"`
	// Slots is how many messages a worker handles at once.
	Slots int `json:"slots"`
}

// Controls is how the controls stand.
type Controls struct {
	Rate   float64 `json:"rate"`
	Spike  bool    `json:"spike"`
	Policy string  `json:"policy"`
	Slow   bool    `json:"slow"`
	Gap    bool    `json:"gap"`
	Region bool    `json:"region"`
}

// Event is one line of the ledger.
type Event struct {
	ID int64 `json:"id"`
	// At is in seconds since the show began.
	At   float64 `json:"at"`
	Kind string  `json:"kind"`
	Text string  `json:"text"`
}

// lane is a worker and its history: in flight and rate.
type lane struct {
	worker Worker
	track  track
}

// Board is what is shown, with its history. It is safe for concurrent use.
type Board struct {
	mu         sync.Mutex
	run        int64 // Tells the boards of two programs apart.
	show       int   // Which show it is, of one program.
	step       time.Duration
	origin     time.Duration // The time at which index 0 begins.
	generation int           // Changes when what was sent of the history no longer fits.
	track      track
	lanes      []*lane
	events     []Event
	lastEvent  int64
	frame      Frame
	over       string
	changed    chan struct{} // Closed and replaced at each change.
}

// NewBoard returns an empty board. run tells it from the board of another run of the program at the same address.
func NewBoard(run int64) *Board {
	return &Board{run: run, step: firstStep, track: track{columns: merges()}, changed: make(chan struct{})}
}

// Begin forgets everything, for another show.
func (b *Board) Begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.show++
	b.generation++
	b.step, b.origin, b.track, b.lanes = firstStep, 0, track{columns: merges()}, nil
	b.events, b.frame, b.over = nil, Frame{}, ""
	b.tell()
}

// Show enters a moment; the elapsed time never goes back.
func (b *Board) Show(m Moment) {
	b.mu.Lock()
	defer b.mu.Unlock()
	index := b.makeRoom(m.Elapsed)
	b.track.put(index, m.Values.row())
	b.showWorkers(index, m.Workers)
	b.frame = m.Frame
	b.tell()
}

// Note enters an event into the ledger.
func (b *Board) Note(at time.Duration, kind, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lastEvent++
	b.events = append(b.events, Event{ID: b.lastEvent, At: at.Seconds(), Kind: kind, Text: text})
	if len(b.events) > maxEvents {
		b.events = slices.Clone(b.events[len(b.events)-maxEvents:])
	}
	b.tell()
}

// Events returns the ledger, the oldest event first.
func (b *Board) Events() []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events)
}

// End says that the show is over; readers are sent the summary and no more.
func (b *Board) End(summary string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = summary
	b.tell()
}

// tell wakes whoever waits for a change.
func (b *Board) tell() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// makeRoom returns the index of a time, after making the history coarser or shorter if it would grow beyond its capacity.
func (b *Board) makeRoom(elapsed time.Duration) int {
	index := int((elapsed - b.origin) / b.step)
	for index >= capacity {
		b.generation++
		if b.step < lastStep {
			b.step *= 2
			b.each((*track).halve)
		} else {
			const quarter = capacity / 4
			b.origin += quarter * b.step
			b.each(func(t *track) { t.forget(quarter) })
			b.lanes = slices.DeleteFunc(b.lanes, func(l *lane) bool { return len(l.track.slots) == 0 })
		}
		index = int((elapsed - b.origin) / b.step)
	}
	return index
}

func (b *Board) each(change func(*track)) {
	change(&b.track)
	for _, l := range b.lanes {
		change(&l.track)
	}
}

// showWorkers enters the workers that there are. Those that are gone keep their lane as long as there is room.
func (b *Board) showWorkers(index int, workers []Worker) {
	for _, l := range b.lanes {
		if !slices.ContainsFunc(workers, func(w Worker) bool { return w.Name == l.worker.Name }) {
			l.worker = Worker{Name: l.worker.Name, State: StateGone, InFlight: Unknown(), Rate: Unknown()}
		}
	}
	for _, w := range workers {
		i := slices.IndexFunc(b.lanes, func(l *lane) bool { return l.worker.Name == w.Name })
		if i < 0 {
			i = len(b.lanes)
			b.lanes = append(b.lanes, &lane{track: track{columns: []merge{most, mean}}})
		}
		b.lanes[i].worker = w
		b.lanes[i].track.put(index, []Value{w.InFlight, w.Rate})
	}
	for len(b.lanes) > maxLanes {
		i := slices.IndexFunc(b.lanes, func(l *lane) bool { return l.worker.State == StateGone })
		if i < 0 {
			return
		}
		b.lanes = slices.Delete(b.lanes, i, i+1)
		b.generation++
	}
}
