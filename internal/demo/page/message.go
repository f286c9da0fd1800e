package page

import (
	"encoding/json"
	"fmt"
	"io"
)

// cursor is how much of the board a reader has been sent. The zero value has been sent nothing.
type cursor struct {
	begun      bool
	generation int
	next       int // The first index that may be new or changed.
	event      int64
}

// update is what a reader is sent: the whole history, or what is new since the last one.
type update struct {
	// Run and Show tell one show from another. Step and Origin are in seconds; with them come all points, lanes and events. They are
	// absent from a frame.
	Run     int64        `json:"run,omitempty"`
	Show    int          `json:"show,omitempty"`
	Step    float64      `json:"step,omitempty"`
	Origin  float64      `json:"origin,omitempty"`
	Columns []string     `json:"columns,omitempty"`
	At      int          `json:"at"` // The index of the first point.
	Points  [][]Value    `json:"points"`
	Lanes   []laneUpdate `json:"lanes"`
	Events  []Event      `json:"events"`
	Frame   Frame        `json:"frame"`
}

// laneUpdate is a worker and the points of its lane from an index on: in flight, rate.
type laneUpdate struct {
	Worker
	At     int       `json:"at"`
	Points [][]Value `json:"points"`
}

// next returns the name and the data of what a reader is sent next, and moves its cursor.
func (b *Board) next(c *cursor) (name string, data update) {
	b.mu.Lock()
	defer b.mu.Unlock()
	name = "frame"
	if !c.begun || c.generation != b.generation {
		*c = cursor{begun: true, generation: b.generation}
		name = "history"
		data.Run = b.run
		data.Show, data.Step, data.Origin, data.Columns = b.show, b.step.Seconds(), b.origin.Seconds(), columns()
	}
	from := max(c.next, b.track.from)
	data.At, data.Points, data.Frame = from, b.track.since(from), b.frame
	data.Events = []Event{}
	for _, e := range b.events {
		if e.ID > c.event {
			data.Events = append(data.Events, e)
		}
	}
	for _, l := range b.lanes {
		at := max(from, l.track.from)
		data.Lanes = append(data.Lanes, laneUpdate{Worker: l.worker, At: at, Points: l.track.since(at)})
	}
	c.next, c.event = max(b.track.end()-1, 0), b.lastEvent
	return name, data
}

// waiting returns a channel that is closed at the next change, and the summary if the show is over.
func (b *Board) waiting() (changed <-chan struct{}, over string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed, b.over
}

// writeEvent writes one server-sent event. JSON has no line breaks, so one data line holds it.
func writeEvent(w io.Writer, name string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encoding the event %s: %w", name, err)
	}
	_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", name, text)
	return err
}
