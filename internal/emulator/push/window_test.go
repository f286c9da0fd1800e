package push

import (
	"testing"
	"time"
)

func TestTheWindowDoublesAndHalves(t *testing.T) {
	var w window
	for _, want := range []int{1, 2, 4, 8, 16, 32, 64, 100, 100} {
		if w.size() != want {
			t.Fatalf("window %d, want %d", w.size(), want)
		}
		w.success()
	}
	w.failure(0)
	if w.size() != 50 || w.backoff() != 100*time.Millisecond {
		t.Fatalf("after a failure: window %d, back-off %v", w.size(), w.backoff())
	}
	w.failure(0) // ran beside the first
	if w.size() != 50 || w.backoff() != 100*time.Millisecond {
		t.Fatalf("after its neighbour's failure: window %d, back-off %v", w.size(), w.backoff())
	}
	for round := 1; round < 20; round++ {
		w.failure(round)
	}
	if w.size() != 1 || w.backoff() != time.Minute {
		t.Fatalf("after 20 failures: window %d, back-off %v", w.size(), w.backoff())
	}
	w.success()
	if w.backoff() != 0 {
		t.Fatal("success leaves a back-off")
	}
}
