package demo

import (
	"math"
	"testing"
	"time"
)

func TestQuantilesAreWithinThreePercent(t *testing.T) {
	for _, scale := range []time.Duration{time.Millisecond, 17 * time.Millisecond, time.Second, time.Minute} {
		var h histogram
		for i := range 1000 {
			h.add(time.Duration(i+1) * scale)
		}
		for _, q := range []float64{0.001, 0.5, 0.9, 0.99, 1} {
			want := q * 1000 * float64(scale)
			got, known := h.quantile(q)
			if off := math.Abs(float64(got)/want - 1); !known || off > 0.03 {
				t.Errorf("scale %s, q %g: %s is %.1f %% off", scale, q, got, 100*off)
			}
		}
	}
}

func TestQuantilesOfNothingAreUnknown(t *testing.T) {
	var h histogram
	if got, known := h.quantile(0.5); known || got != 0 {
		t.Fatalf("got %s, %t", got, known)
	}
}

func TestTheHistogramHoldsAnything(t *testing.T) {
	var h histogram
	h.add(-time.Second)
	h.add(0)
	h.add(math.MaxInt64)
	if low, _ := h.quantile(0); low > firstBucket {
		t.Errorf("the least is %s", low)
	}
	if high, _ := h.quantile(1); high < 16*time.Hour {
		t.Errorf("the greatest is %s", high)
	}
}

func TestTheLatestAgesForgetAfterFiveSeconds(t *testing.T) {
	var a ages
	at := time.Unix(1_800_000_000, 0)
	a.add(time.Second, at)
	a.add(time.Minute, at.Add(4*time.Second))
	tests := []struct {
		after time.Duration
		count int64
	}{
		{4 * time.Second, 2},
		{5 * time.Second, 1},
		{9 * time.Second, 0},
	}
	for _, tt := range tests {
		if got := a.latest(at.Add(tt.after)).total; got != tt.count {
			t.Errorf("after %s: %d ages", tt.after, got)
		}
	}
	a.add(time.Hour, at.Add(10*time.Second)) // Takes the place of the first.
	if got := a.latest(at.Add(10 * time.Second)); got.total != 1 || a.all.total != 3 {
		t.Errorf("%d latest, %d in all", got.total, a.all.total)
	}
}
