package emulator

import "testing"

func TestTheCollectorRunsOftenerTheMoreLives(t *testing.T) {
	for live, want := range map[uint64]int{0: 200, 1 << 20: 200, 64 << 20: 100, 128 << 20: 50, 1 << 30: 20, 1 << 40: 20} {
		if got := collectorPercent(live); got != want {
			t.Errorf("%d bytes live: %d %%, want %d", live, got, want)
		}
	}
}

func TestMemoryIsReleasedInHalvesOfThePeak(t *testing.T) {
	var e ebb
	for i, step := range []struct {
		held int64
		want bool
	}{
		{1000 << 20, false},
		{600 << 20, false},
		{500 << 20, true},
		{300 << 20, false},
		{250 << 20, true},
		{400 << 20, false},
		{0, true},
		{60 << 20, false},
		{0, false},
	} {
		if got := e.shouldRelease(step.held); got != step.want {
			t.Errorf("step %d: %v at %d MiB", i, got, step.held>>20)
		}
	}
}
