package export

import (
	"math/rand/v2"
	"testing"
	"time"

	"spillway/internal/backlog"
)

// total is what the counter of offers says.
func total(t *testing.T, h *history) float64 {
	t.Helper()
	s := h.subjects["offers"]
	if s == nil || len(s.tracks) != 1 {
		t.Fatalf("got %+v", s)
	}
	return s.tracks[0].total
}

func acked(t *testing.T) *history {
	t.Helper()
	return newHistory(describe(t, "ack_message_count"), DefaultOptions().timesOf(t, "ack_message_count"))
}

func TestADeltaCountsEachIntervalOnce(t *testing.T) {
	poll := func(h *history, minute int, values map[int]float64) {
		h.take([]string{"offers"}, []backlog.Measured{grown("offers", noon, values)}, noon.Add(time.Duration(minute)*time.Minute))
	}
	tests := []struct {
		name  string
		polls []map[int]float64 // one a minute, after a first one that saw the interval that ends at noon
		want  float64
	}{
		{"one after the other", []map[int]float64{{1: 10}, {2: 20}, {3: 30}}, 60},
		{"every poll tells the last ones again", []map[int]float64{{0: 5, 1: 10}, {0: 5, 1: 10, 2: 20}, {1: 10, 2: 20, 3: 30}}, 60},
		{"late", []map[int]float64{{2: 20}, {3: 30}, {1: 10}}, 60},
		{"newest first", []map[int]float64{{3: 30}, {2: 20}, {1: 10}}, 60},
		{"a gap that is never filled", []map[int]float64{{1: 10}, {5: 50}}, 60},
		{"what the process before has counted", []map[int]float64{{-2: 100, -1: 100, 0: 100}, {1: 10}}, 10},
		{"nothing", []map[int]float64{{}, {}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := acked(t)
			poll(h, 4, map[int]float64{0: 7})
			for i, values := range tt.polls {
				poll(h, 5+i, values)
			}
			if got := total(t, h); got != tt.want {
				t.Fatalf("got %g, want %g", got, tt.want)
			}
		})
	}
}

func TestAnIntervalThatOverlapsCountsByTheShareThatIsNew(t *testing.T) {
	h := acked(t)
	take := func(from, to int, value float64) {
		m := grown("offers", noon, nil)
		m.Points = []backlog.Point{{Start: noon.Add(time.Duration(from) * time.Second), End: noon.Add(time.Duration(to) * time.Second), Value: value}}
		h.take([]string{"offers"}, []backlog.Measured{m}, noon.Add(5*time.Minute))
	}
	take(-60, 0, 1)
	take(0, 60, 60)
	take(30, 90, 60) // half of it is new
	if got := total(t, h); got != 90 {
		t.Fatalf("got %g, want 90", got)
	}
	take(120, 180, 60)
	take(90, 120, 30) // the gap between
	take(0, 180, 1000)
	if got := total(t, h); got != 180 {
		t.Fatalf("got %g, want 180", got)
	}
}

// TestWhateverTheOrderTheCountIsTheSame shuffles and repeats the intervals of an hour over its polls.
func TestWhateverTheOrderTheCountIsTheSame(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		h := acked(t)
		h.take([]string{"offers"}, []backlog.Measured{grown("offers", noon, map[int]float64{0: 1})}, noon.Add(4*time.Minute))
		want := 0.0
		values := map[int]float64{}
		for minute := range 60 {
			value := float64(rng.IntN(1000))
			values[minute+1], want = value, want+value
		}
		order := append(rng.Perm(60), rng.Perm(60)...)
		for len(order) > 0 {
			n := min(len(order), 1+rng.IntN(5))
			part := map[int]float64{}
			for _, minute := range order[:n] {
				part[minute+1] = values[minute+1]
			}
			order = order[n:]
			h.take([]string{"offers"}, []backlog.Measured{grown("offers", noon, part)}, noon.Add(time.Hour))
		}
		if got := total(t, h); got != want {
			t.Fatalf("seed %d: got %g, want %g", seed, got, want)
		}
		if n := len(h.subjects["offers"].tracks[0].spans.later); n != 0 {
			t.Fatalf("seed %d: %d spans are left of a whole hour", seed, n)
		}
	}
}

// TestAShortIntervalThatIsLateIsNotTakenForASeam: a local server may be 240 times as fast as life.
func TestAShortIntervalThatIsLateIsNotTakenForASeam(t *testing.T) {
	s := spans{floor: noon}
	at := func(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }
	for _, one := range []struct {
		start, end int
		want       float64
	}{{0, 250, 1}, {500, 750, 1}, {250, 500, 1}, {751, 1000, 1}, {250, 500, 0}, {751, 1000, 0}} {
		if got := s.add(at(one.start), at(one.end)); got != one.want {
			t.Fatalf("%d to %d ms counts %g, want %g", one.start, one.end, got, one.want)
		}
	}
	if len(s.later) != 0 {
		t.Fatalf("what is a millisecond apart is not joined: %v", s)
	}
}

func TestSpansAreBounded(t *testing.T) {
	s := spans{floor: noon}
	for i := range 10 * maxSpans {
		s.add(noon.Add(time.Duration(10*i+5)*time.Second), noon.Add(time.Duration(10*i+6)*time.Second))
	}
	if len(s.later) > maxSpans {
		t.Fatalf("%d spans", len(s.later))
	}
	if got := s.add(noon.Add(time.Second), noon.Add(2*time.Second)); got != 0 {
		t.Fatalf("what was given up counts %g", got)
	}
}

func TestADeltaHasARateAndItsCounterBeginsAtZero(t *testing.T) {
	h := acked(t)
	now := noon.Add(4 * time.Minute)
	h.take([]string{"offers"}, []backlog.Measured{grown("offers", noon, map[int]float64{0: 600})}, now)
	c := h.column("shop", listing{}, false)
	sec := &section{project: "shop", wants: map[string]want{"offers": {}}, columns: []*column{c}}
	a := sec.answer(offers, backlog.AckMessageCount, now)
	if a.Total.Value != 0 || a.Total.State != backlog.Fresh || a.Rate != 10 {
		t.Fatalf("got %+v", a)
	}
}

// FuzzSpans adds intervals in any order: no instant counts twice, and nothing is counted that no interval held.
func FuzzSpans(f *testing.F) {
	f.Add([]byte{1, 5, 3, 9, 0, 20})
	f.Add([]byte{10, 1, 9, 1, 8, 1, 7, 250})
	f.Fuzz(func(t *testing.T, wire []byte) {
		s := spans{floor: noon}
		var covered [600]bool
		counted, want := 0.0, 0
		for len(wire) > 1 {
			start, length := int(wire[0]), int(wire[1])
			wire = wire[2:]
			counted += s.add(noon.Add(time.Duration(start)*time.Hour), noon.Add(time.Duration(start+length)*time.Hour)) * float64(length)
			for i := start; i < start+length; i++ {
				if !covered[i] {
					covered[i] = true
					want++
				}
			}
		}
		if len(s.later) < maxSpans && (counted < float64(want)-1e-6 || counted > float64(want)+1e-6) {
			t.Fatalf("counted %g hours of %d", counted, want)
		}
	})
}
