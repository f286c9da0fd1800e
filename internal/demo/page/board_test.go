package page

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// reader is a page that reads a board as the stream does.
type reader struct {
	c       cursor
	points  map[int]string
	lanes   map[string]bool
	ledger  []string
	step    float64
	origin  float64
	frame   Frame
	written int // Bytes of the last update.
	updates []string
}

func (r *reader) read(t *testing.T, b *Board) {
	t.Helper()
	name, u := b.next(&r.c)
	r.updates = append(r.updates, name)
	if name == "history" {
		r.points, r.ledger, r.step, r.origin = map[int]string{}, nil, u.Step, u.Origin
		if len(u.Columns) != len(merges()) || len(u.Columns) != len(Values{}.row()) {
			t.Fatalf("%d columns, %d merges, %d values", len(u.Columns), len(merges()), len(Values{}.row()))
		}
	}
	for i, p := range u.Points {
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		r.points[u.At+i] = string(text)
	}
	r.lanes = map[string]bool{}
	for _, l := range u.Lanes {
		r.lanes[l.Name+" "+l.State] = true
	}
	for _, e := range u.Events {
		r.ledger = append(r.ledger, e.Text)
	}
	r.frame = u.Frame
	text, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	r.written = len(text)
}

func at(elapsed time.Duration, backlog float64, workers ...string) Moment {
	m := Moment{Elapsed: elapsed, Values: Values{Backlog: Value(backlog), Estimate: Unknown()}}
	for _, name := range workers {
		m.Workers = append(m.Workers, Worker{Name: name, State: StateServing, InFlight: 3, Rate: 200})
	}
	return m
}

func TestAReaderGetsTheHistoryAndThenWhatIsNew(t *testing.T) {
	b := NewBoard(7)
	b.Show(at(0, 1, "worker-1"))
	b.Note(0, "story", "steady")
	b.Show(at(600*time.Millisecond, 2, "worker-1"))
	var r reader
	r.read(t, b)
	b.Show(at(900*time.Millisecond, 5, "worker-1", "worker-2")) // The same step as the one before.
	b.Show(at(1100*time.Millisecond, 3, "worker-2"))
	b.Note(time.Second, "up", "scaled")
	r.read(t, b)
	if want := []string{"history", "frame"}; strings.Join(r.updates, " ") != strings.Join(want, " ") {
		t.Errorf("updates %v", r.updates)
	}
	for i, want := range []string{"[0,0,1,", "[0,0,5,", "[0,0,3,"} {
		if !strings.HasPrefix(r.points[i], want) {
			t.Errorf("point %d is %s, want %s...", i, r.points[i], want)
		}
	}
	if !strings.Contains(r.points[0], "null") {
		t.Errorf("an unknown estimate is %s", r.points[0])
	}
	if strings.Join(r.ledger, ",") != "steady,scaled" {
		t.Errorf("ledger %v", r.ledger)
	}
	if !r.lanes["worker-1 gone"] || !r.lanes["worker-2 serving"] {
		t.Errorf("lanes %v", r.lanes)
	}
}

func TestADayDoesNotGrow(t *testing.T) {
	b := NewBoard(1)
	var r reader
	greatest := 0
	for elapsed := time.Duration(0); elapsed < 24*time.Hour; elapsed += 4 * firstStep {
		n := int(elapsed / time.Minute)
		b.Show(at(elapsed, float64(n), fmt.Sprintf("worker-%d", n), "worker-0"))
		if elapsed%time.Minute == 0 {
			b.Note(elapsed, "story", "another minute")
		}
		if elapsed%(10*time.Minute) == 0 {
			r.c = cursor{}
			r.read(t, b)
			greatest = max(greatest, r.written)
		}
	}
	switch {
	case len(b.track.slots) > capacity || len(b.lanes) > maxLanes || len(b.events) > maxEvents:
		t.Errorf("%d slots, %d lanes, %d events", len(b.track.slots), len(b.lanes), len(b.events))
	case r.step != lastStep.Seconds():
		t.Errorf("a step is %g s", r.step)
	case float64(len(b.track.slots))*r.step < time.Hour.Seconds():
		t.Errorf("the history is %g s long, less than an hour", float64(len(b.track.slots))*r.step)
	case r.origin+float64(len(b.track.slots))*r.step != (24 * time.Hour).Seconds():
		t.Errorf("it ends at %g s", r.origin+float64(len(b.track.slots))*r.step)
	case greatest > 1<<20:
		t.Errorf("a history of %d bytes", greatest)
	}
}

func TestAnHourIsHeldFromItsBeginning(t *testing.T) {
	b := NewBoard(1)
	for elapsed := time.Duration(0); elapsed <= time.Hour; elapsed += firstStep {
		b.Show(at(elapsed, elapsed.Minutes()))
	}
	var r reader
	r.read(t, b)
	if r.origin != 0 || len(r.points) < 900 {
		t.Errorf("from %g s on, %d points", r.origin, len(r.points))
	}
}

func TestAReaderThatWasAwayWhileTheHistoryChangedGetsItAgain(t *testing.T) {
	b := NewBoard(1)
	var r reader
	b.Show(at(0, 1))
	r.read(t, b)
	b.Show(at(capacity*firstStep, 2))
	r.read(t, b)
	b.Begin()
	b.Show(at(0, 3))
	r.read(t, b)
	if strings.Join(r.updates, " ") != "history history history" || len(r.points) != 1 {
		t.Errorf("updates %v, %d points", r.updates, len(r.points))
	}
}

func TestTheChangeWakesEveryone(t *testing.T) {
	b := NewBoard(1)
	for name, change := range map[string]func(){
		"show": func() { b.Show(at(0, 1)) }, "note": func() { b.Note(0, "up", "x") }, "begin": b.Begin, "end": func() { b.End("all is well") },
	} {
		changed, _ := b.waiting()
		change()
		select {
		case <-changed:
		default:
			t.Errorf("%s wakes nobody", name)
		}
	}
}
