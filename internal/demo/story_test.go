package demo

import (
	"testing"
	"time"

	"spillway/internal/hpa"
)

func TestTheStoryHasItsPhases(t *testing.T) {
	s := Story{{"steady", time.Minute, 10}, {"burst", 30 * time.Second, 100}, {"quiet", time.Minute, 1}}
	tests := []struct {
		at   time.Duration
		want string
	}{
		{-time.Second, ""},
		{0, "steady"},
		{time.Minute - 1, "steady"},
		{time.Minute, "burst"},
		{90*time.Second - 1, "burst"},
		{90 * time.Second, "quiet"},
		{150*time.Second - 1, "quiet"},
		{150 * time.Second, ""},
	}
	for _, tt := range tests {
		p, telling := s.At(tt.at)
		if p.Name != tt.want || telling != (tt.want != "") {
			t.Errorf("at %s: %q, %t; want %q", tt.at, p.Name, telling, tt.want)
		}
	}
	if s.Length() != 150*time.Second || s.Begin("burst") != time.Minute || s.Begin("nosuch") != s.Length() {
		t.Errorf("length %s, burst at %s, nothing at %s", s.Length(), s.Begin("burst"), s.Begin("nosuch"))
	}
}

func TestRatesArePerRealSecondAtAnyPace(t *testing.T) {
	s := Story{{"steady", time.Minute, 10}, {"burst", 30 * time.Second, 100}, {"quiet", time.Minute, 1}}
	tests := []struct {
		pace    Pace
		elapsed time.Duration
		due     int64
		last    bool
	}{
		{1, 0, 0, false},
		{1, 30 * time.Second, 300, false},
		{1, 61 * time.Second, 700, false},
		{1, 150 * time.Second, 600 + 3000 + 60, true},
		{1, time.Hour, 3660, true},
		{10, time.Second, 10, false},
		{10, 7 * time.Second, 60 + 100, false},
		{10, 15 * time.Second, 366, true},
	}
	for _, tt := range tests {
		if due, last := s.Schedule(tt.pace)(tt.elapsed); due != tt.due || last != tt.last {
			t.Errorf("pace %g after %s: %d, %t; want %d, %t", float64(tt.pace), tt.elapsed, due, last, tt.due, tt.last)
		}
	}
}

func TestTheStoryIsToldToTheLastMessage(t *testing.T) {
	for pace, want := range map[Pace]int64{defaultPace: 25*300 + 25*3000 + 75*100, fastPace: (25*300 + 25*3000 + 75*100) / 3} {
		if due, last := offers().Schedule(pace)(time.Hour); due != want || !last {
			t.Errorf("pace %g: %d messages, %t; want %d", float64(pace), due, last, want)
		}
	}
}

func TestTheBurstNeedsMoreThanTheMinimumAndLessThanTheMaximum(t *testing.T) {
	const perPod = 200
	for _, p := range offers() {
		needs := p.Rate / perPod
		switch p.Name {
		case "burst":
			if needs < 5*minReplicas || needs > maxReplicas {
				t.Errorf("the burst needs %g pods", needs)
			}
		default:
			if needs > minReplicas {
				t.Errorf("%s needs %g pods", p.Name, needs)
			}
		}
	}
}

func TestTheShowKeepsItsTime(t *testing.T) {
	// From 20 to 2 by 20 % a minute are 8 steps after 5 minutes, and Monitoring is up to 4 minutes late.
	comeDown := 8*time.Minute + 5*time.Minute + 4*time.Minute
	quiet := offers().Length() - offers().Begin("quiet")
	whole := offers().Length() + max(0, comeDown-quiet)
	for pace, limit := range map[Pace]time.Duration{defaultPace: 3 * time.Minute, fastPace: time.Minute} {
		if took := pace.Wall(whole); took > limit*9/10 {
			t.Errorf("at %g times the pace the story takes %s of %s", float64(pace), took, limit)
		}
		if calmLimit(pace) < 2*pace.Wall(comeDown) {
			t.Errorf("at %g times the pace calm may take %s", float64(pace), calmLimit(pace))
		}
	}
}

func TestTheAutoscalersTargetScalesWithThePace(t *testing.T) {
	for pace, want := range map[Pace]hpa.Milli{realPace: 40000 * hpa.Unit, defaultPace: 3_333_333, fastPace: 1_111_111} {
		spec := autoscaler(pace)
		if spec.AverageValue != want {
			t.Errorf("pace %g: %d", float64(pace), spec.AverageValue)
		}
		if err := spec.Validate(); err != nil {
			t.Error(err)
		}
	}
}
