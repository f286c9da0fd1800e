package nowcast_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/backlog"
	"spillway/internal/nowcast"
)

// FuzzTick drives the law through random lives, with numbers that cannot be, and holds every result against what must be true of all of them.
func FuzzTick(f *testing.F) {
	for seed := range uint64(64) {
		f.Add(seed, uint8(120))
	}
	f.Fuzz(func(t *testing.T, seed uint64, length uint8) {
		law := nowcast.DefaultLaw()
		law.Capacity = float64(seed % 2 * 100)
		var state, twin nowcast.State
		for _, in := range randomLife(rand.New(rand.NewPCG(seed, 1)), int(length)) {
			r := state.Tick(law, in)
			checkResult(t, r)
			if again := twin.Tick(law, in); !cmp.Equal(r, again, cmp.Comparer(sameNumber)) {
				t.Fatalf("the same life came to something else:\n%s", cmp.Diff(r, again, cmp.Comparer(sameNumber)))
			}
		}
	})
}

// sameNumber takes two that are no numbers, as inputs may be, for the same.
func sameNumber(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func randomLife(rnd *rand.Rand, length int) []nowcast.Input {
	now := time.Date(2026, time.November, 27, 9, 0, 0, 0, time.UTC)
	odd := func(v float64) float64 {
		switch rnd.IntN(60) {
		case 0:
			return math.NaN()
		case 1:
			return math.Inf(1 - 2*rnd.IntN(2))
		case 2:
			return -v
		case 3:
			return v * 1e9
		}
		return v
	}
	var life []nowcast.Input
	var before, newest backlog.Sample
	counts := map[string]float64{}
	for range length {
		now = now.Add(time.Duration(rnd.IntN(20)-1) * time.Second)
		if rnd.IntN(40) == 0 {
			now = now.Add(time.Duration(rnd.IntN(1200)-600) * time.Second)
		}
		if rnd.IntN(6) == 0 {
			before, newest = newest, backlog.Sample{Value: odd(rnd.Float64() * 1e6), At: now.Add(-time.Duration(rnd.IntN(300)) * time.Second)}
		}
		in := nowcast.Input{Now: now, Replicas: rnd.IntN(8) - 1, Backlog: newest, Before: before}
		if rnd.IntN(3) == 0 {
			in.Acks = backlog.Sample{Value: odd(rnd.Float64() * 1000), At: now.Add(-time.Minute)}
		}
		for i := range rnd.IntN(6) {
			in.Pods = append(in.Pods, randomPod(rnd, now, fmt.Sprintf("pod-%d", i+rnd.IntN(2)), counts, odd))
		}
		life = append(life, in)
	}
	return life
}

func randomPod(rnd *rand.Rand, now time.Time, name string, counts map[string]float64, odd func(float64) float64) nowcast.Pod {
	if counts[name] += rnd.Float64() * 1000; rnd.IntN(30) == 0 {
		counts[name] = 0
	}
	n := counts[name]
	p := nowcast.Pod{
		Name: name, Ready: rnd.IntN(4) > 0, Terminating: rnd.IntN(8) == 0, InFlight: odd(float64(rnd.IntN(21))), Slots: odd(20),
		Delivered: odd(n), Left: odd(n), Acked: odd(n), Nacked: odd(n / 10), AckedSeconds: odd(n / 10),
		Frontier: now.Add(-time.Duration(rnd.IntN(600)-60) * time.Second), Connected: rnd.IntN(9) > 0, Paused: rnd.IntN(9) == 0,
		CPUSeconds: odd(n / 200), CPULimit: odd(float64(rnd.IntN(3))), AllAcked: odd(n * float64(rnd.IntN(2))),
	}
	if rnd.IntN(5) > 0 {
		p.At = now.Add(-time.Duration(rnd.IntN(30)-3) * time.Second)
	}
	if rnd.IntN(2) == 0 {
		p.Started = now.Add(-time.Duration(rnd.IntN(300)) * time.Second)
	}
	return p
}

// TestMonotone holds the law to what must grow with what: more messages are never fewer pods, more capacity is never more.
func TestMonotone(t *testing.T) {
	law := nowcast.DefaultLaw()
	decide := func(level, acks, capacity float64) float64 {
		law.Capacity = capacity
		now := time.Date(2026, time.November, 27, 9, 0, 0, 0, time.UTC)
		var s nowcast.State
		return s.Tick(law, nowcast.Input{
			Now: now, Replicas: 3,
			Before:  backlog.Sample{Value: 10, At: now.Add(-2 * time.Minute)},
			Backlog: backlog.Sample{Value: level, At: now.Add(-time.Minute)}, Acks: backlog.Sample{Value: acks, At: now.Add(-time.Minute)},
		}).Desired.Value
	}
	rnd := rand.New(rand.NewPCG(8, 8))
	for range 2000 {
		level, acks, capacity := rnd.Float64()*1e6, rnd.Float64()*1e4, 1+rnd.Float64()*1e3
		more := 1 + rnd.Float64()
		base := decide(level, acks, capacity)
		if decide(level*more, acks, capacity) < base || decide(level, acks*more, capacity) < base || decide(level, acks, capacity*more) > base {
			t.Fatalf("at %.0f messages, %.0f acks/s, %.0f/s a pod the law is not monotone", level, acks, capacity)
		}
	}
}
