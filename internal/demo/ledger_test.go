package demo

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// at is the moment of most tests.
var at = time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)

func handled(id string) Delivery { return Delivery{ID: id, Published: at} }

func TestTheLedger(t *testing.T) {
	tests := []struct {
		name    string
		happens func(*Ledger)
		want    Counts
		missing []string
	}{
		{"nothing", func(*Ledger) {}, Counts{}, nil},
		{
			"published and waiting", func(l *Ledger) { l.Published([]string{"2", "1"}) },
			Counts{Published: 2, Waiting: 2},
			[]string{"1", "2"},
		},
		{
			"handled once", func(l *Ledger) { l.Published([]string{"1", "2"}); l.Handled(handled("1"), at) },
			Counts{Published: 2, Handled: 1, Waiting: 1},
			[]string{"2"},
		},
		{
			"handled before the publisher knew", func(l *Ledger) { l.Handled(handled("1"), at); l.Published([]string{"1"}) },
			Counts{Published: 1, Handled: 1},
			nil,
		},
		{
			"handled and never confirmed", func(l *Ledger) { l.Handled(handled("1"), at) },
			Counts{Handled: 1, Unconfirmed: 1},
			nil,
		},
		{
			"handled three times is one duplicated message", func(l *Ledger) {
				l.Published([]string{"1"})
				for range 3 {
					l.Handled(handled("1"), at)
				}
			},
			Counts{Published: 1, Handled: 1, Duplicated: 1},
			nil,
		},
		{
			"confirmed twice is one message", func(l *Ledger) { l.Published([]string{"1"}); l.Published([]string{"1"}) },
			Counts{Published: 1, Waiting: 1},
			[]string{"1"},
		},
		{
			"begun twice and handled once", func(l *Ledger) {
				l.Published([]string{"1"})
				l.Began("1")
				l.Began("1")
				l.Handled(handled("1"), at)
			},
			Counts{Published: 1, Handled: 1, Redelivered: 1},
			nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := NewLedger()
			tt.happens(l)
			if diff := cmp.Diff(tt.want, l.Counts()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.missing, l.Missing(5)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestManyTimesIsNotForgotten(t *testing.T) {
	l := NewLedger()
	l.Published([]string{"1"})
	for range 1 << 17 { // More than the entry can count.
		l.Handled(handled("1"), at)
	}
	if diff := cmp.Diff(Counts{Published: 1, Handled: 1, Duplicated: 1}, l.Counts()); diff != "" {
		t.Error(diff)
	}
}

func TestAgesAreOfFirstHandlings(t *testing.T) {
	l := NewLedger()
	if latest, all := l.Ages(at); latest.Known || all.Known {
		t.Error("ages of nothing are known")
	}
	l.Handled(handled("1"), at.Add(100*time.Millisecond))
	l.Handled(handled("1"), at.Add(time.Hour))
	l.Handled(handled("2"), at.Add(-time.Second)) // The server's clock is ahead.
	_, all := l.Ages(at)
	if all.P99 > 105*time.Millisecond || all.P99 < 95*time.Millisecond || all.P50 > time.Millisecond {
		t.Errorf("got %+v", all)
	}
}

func TestMissingNamesOnlySoMany(t *testing.T) {
	l := NewLedger()
	l.Published([]string{"3", "1", "2"})
	if diff := cmp.Diff([]string{"1", "2"}, l.Missing(2)); diff != "" {
		t.Error(diff)
	}
}

func TestTheLedgerIsSafeForConcurrentUse(t *testing.T) {
	const each, sides = 1000, 4
	l := NewLedger()
	var wg sync.WaitGroup
	for side := range sides {
		wg.Go(func() {
			for i := range each {
				l.Published([]string{fmt.Sprint(side, i)})
			}
		})
		wg.Go(func() {
			for i := range each {
				l.Handled(handled(fmt.Sprint(side, i)), at)
				_ = l.Counts()
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff(Counts{Published: sides * each, Handled: sides * each}, l.Counts()); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkHandled(b *testing.B) {
	l := NewLedger()
	ids := make([]string, b.N)
	for i := range ids {
		ids[i] = fmt.Sprint(i)
	}
	l.Published(ids)
	for _, id := range ids {
		l.Handled(handled(id), at)
	}
}
