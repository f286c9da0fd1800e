package load

import (
	"testing"
	"time"
)

func TestSchedules(t *testing.T) {
	tests := []struct {
		name     string
		schedule Schedule
		at       time.Duration
		due      int64
		last     bool
	}{
		{"a burst is due at once", Burst(7), 0, 7, true},
		{"a rate begins with nothing", Rate(100, time.Minute), 0, 0, false},
		{"a rate counts whole messages", Rate(100, time.Minute), 25 * time.Millisecond, 2, false},
		{"less than one a second", Rate(0.5, time.Minute), 3 * time.Second, 1, false},
		{"a rate ends", Rate(100, time.Minute), time.Minute, 6000, true},
		{"and gives no more afterwards", Rate(100, time.Minute), time.Hour, 6000, true},
		{"a rate without an end", Rate(100, 0), time.Hour, 360_000, false},
	}
	for _, tt := range tests {
		if due, last := tt.schedule(tt.at); due != tt.due || last != tt.last {
			t.Errorf("%s: got %d, %t; want %d, %t", tt.name, due, last, tt.due, tt.last)
		}
	}
}

func TestTheBudgetRefillsWithSuccess(t *testing.T) {
	b := newBudget()
	for i := range int(budgetMax) {
		if !b.withdraw() {
			t.Fatalf("retry %d was refused", i)
		}
	}
	if b.withdraw() {
		t.Fatal("a retry beyond the budget")
	}
	for range 11 { // One more than 10, because 10 times 0.1 is a little less than 1.
		b.deposit()
	}
	if !b.withdraw() || b.withdraw() {
		t.Fatal("10 successes are not worth one retry")
	}
	for range 10_000 {
		b.deposit()
	}
	if b.tokens != budgetMax {
		t.Fatalf("the budget grew to %g", b.tokens)
	}
}
