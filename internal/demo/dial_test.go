package demo

import (
	"testing"
	"time"
)

// turn is one use of the dial at a moment.
type turn struct {
	at time.Duration
	do func(*dial)
}

// dialed asks a dial every 10 ms, as the publisher does, and returns what is due in the end.
func dialed(t *testing.T, d *dial, until time.Duration, turns ...turn) int64 {
	t.Helper()
	var due int64
	for at := time.Duration(0); at <= until; at += 10 * time.Millisecond {
		for len(turns) > 0 && turns[0].at <= at {
			d.take()
			turns[0].do(d)
			turns = turns[1:]
		}
		now, last := d.Schedule(at)
		if now < due || last {
			t.Fatalf("after %s: %d due, before %d; last %t", at, now, due, last)
		}
		due = now
	}
	return due
}

func TestTheDial(t *testing.T) {
	wall := defaultPace.Wall
	const story = 25*300 + 25*3000 + 75*100
	tests := []struct {
		name  string
		until time.Duration
		turns []turn
		want  int64
	}{
		{"untouched it is the story, to the last message", 200 * time.Second, nil, story},
		{"a rate holds from then on, also after the story", 200 * time.Second, []turn{{10 * time.Second, func(d *dial) { d.setRate(50) }}}, 10*300 + 190*50},
		{"a rate of 0", 200 * time.Second, []turn{{10 * time.Second, func(d *dial) { d.setRate(0) }}}, 3000},
		{"a spike is ten times the rate for five minutes of the story", 24 * time.Second, []turn{
			{0, func(d *dial) { d.setRate(10) }}, {time.Second, (*dial).startSpike},
		}, 10 + 100*23},
		{"and then the rate again", 46 * time.Second, []turn{
			{0, func(d *dial) { d.setRate(10) }}, {time.Second, (*dial).startSpike},
		}, 10 + 100*25 + 10*20},
		{"a bulk comes on top", 200 * time.Second, []turn{{10 * time.Second, func(d *dial) { d.bulk() }}}, story + 20000 + 75*100},
		{"who takes over gets the last rate after the story", 135 * time.Second, []turn{{0, func(*dial) {}}}, story + 10*100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := dialed(t, newDial(offers(), defaultPace), tt.until, tt.turns...)
			if off := got - tt.want; off < -20 || off > 20 || len(tt.turns) == 0 && off != 0 {
				t.Errorf("%d due, want %d", got, tt.want)
			}
		})
	}
	if wall(spikeLasts) != 25*time.Second {
		t.Errorf("a spike lasts %s", wall(spikeLasts))
	}
}

func TestTheShowIsOverUnlessSomebodyTookOver(t *testing.T) {
	d := newDial(offers(), fastPace)
	length := fastPace.Wall(offers().Length()) + time.Microsecond
	d.Schedule(length - time.Second)
	if s := d.state(); s.over || s.rate != 100 || s.taken {
		t.Errorf("a second before the end: %+v", s)
	}
	d.Schedule(length)
	if s := d.state(); !s.over || s.rate != 0 {
		t.Errorf("at the end: %+v", s)
	}
	d.take()
	if s := d.state(); s.over || s.rate != 100 {
		t.Errorf("taken over: %+v", s)
	}
	d.end()
	if due, last := d.Schedule(length + time.Second); !last || due == 0 {
		t.Errorf("ended: %d, %t", due, last)
	}
}
