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
	type look struct {
		held int64 // MiB
		want bool
	}
	for name, looks := range map[string][]look{
		"a slow drain": {
			{1000, false},
			{940, false},
			{880, false},
			{820, false},
			{760, false},
			{700, false},
			{640, false},
			{580, false},
			{520, false},
			{500, true},
			{440, false},
			{380, false},
			{320, false},
			{260, false},
			{250, true},
		},
		"a fast drain is let finish":   {{1000, false}, {600, false}, {300, false}, {0, false}, {0, true}, {0, false}},
		"a fast drain that pauses":     {{1000, false}, {400, false}, {390, true}, {380, false}},
		"a rise between":               {{1000, false}, {400, false}, {400, true}, {900, false}, {440, false}, {440, true}},
		"little is not worth the work": {{60, false}, {0, false}, {0, false}},
	} {
		t.Run(name, func(t *testing.T) {
			var e ebb
			for i, look := range looks {
				if got := e.shouldRelease(look.held << 20); got != look.want {
					t.Errorf("look %d: %v at %d MiB", i, got, look.held)
				}
			}
		})
	}
}
