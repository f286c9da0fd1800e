package httpload

import (
	"testing"
	"time"
)

func TestAPercentileIsAtMostAThirtySecondTooHigh(t *testing.T) {
	for d := time.Microsecond; d < 200*time.Hour; d += d/7 + time.Microsecond {
		var h histogram
		h.add(d)
		h.add(d * 2)
		got, ok := h.quantile(0.5)
		if !ok || got < d || got > d+d/32+time.Microsecond {
			t.Errorf("%s became %s", d, got)
		}
		if most, _ := h.quantile(1); most != d*2 {
			t.Errorf("the largest of %s is %s", d*2, most)
		}
	}
}

func TestThePartsOfAKnownDistribution(t *testing.T) {
	var h histogram
	if _, ok := h.quantile(0.5); ok {
		t.Error("nothing has a median")
	}
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Millisecond)
	}
	h.add(-time.Second) // A clock that was set back.
	for q, want := range map[float64]time.Duration{0.0001: 0, 0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		got, _ := h.quantile(q)
		if got < want || got > want+want/32+time.Microsecond {
			t.Errorf("quantile %v is %s, want %s", q, got, want)
		}
	}
}

func TestEveryDurationHasABucketAndTheyAreInOrder(t *testing.T) {
	last := 0
	for d := time.Duration(0); d >= 0 && d < 1<<62; d += d/50 + 300*time.Nanosecond {
		i := bucket(d)
		if i < last || i >= buckets {
			t.Fatalf("%s is in bucket %d after %d", d, i, last)
		}
		if i < buckets-1 && (upper(i) < d || i > 0 && upper(i-1) >= d) {
			t.Fatalf("%s is in bucket %d, which ends at %s", d, i, upper(i))
		}
		last = i
	}
}
