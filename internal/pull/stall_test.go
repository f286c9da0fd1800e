package pull

import (
	"testing"
	"time"
)

func TestAStall(t *testing.T) {
	begin := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	s := newStall(begin, time.Minute)
	steps := []struct {
		name string
		at   time.Duration
		want bool
	}{
		{"a beat each second is none", time.Second, false},
		{"nor is a gap that leaves leases alive", 59 * time.Second, false},
		{"a gap as long as a lease is one", 2*time.Minute + 59*time.Second, true},
		{"whoever asks next hears of it too", 3 * time.Minute, true},
	}
	for _, step := range steps {
		if got := s.beat(begin.Add(step.at)); got != step.want {
			t.Errorf("%s: got %t", step.name, got)
		}
	}
}
