package redrive

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"spillway/internal/pull"
)

// maxKinds bounds how many kinds of letters a dry run tells apart; reasons are free text.
const maxKinds = 50

// tally counts letters, and holds those of a dry run. It is safe for concurrent use.
type tally struct {
	begun atomic.Int64

	mu    sync.Mutex
	lent  []*pull.Delivery
	kinds map[kind]int
	over  bool
}

// kind is what letters have in common.
type kind struct{ subscription, reason string }

func newTally() *tally { return &tally{kinds: map[kind]int{}} }

// hold counts a letter and keeps it, so that it does not come again while others are looked at.
func (t *tally) hold(d *pull.Delivery) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		d.Nack()
		return
	}
	t.lent = append(t.lent, d)
	var k kind
	k.subscription, k.reason = origin(&d.Message)
	if _, known := t.kinds[k]; !known && len(t.kinds) >= maxKinds {
		k = kind{"others", "others"}
	}
	t.kinds[k]++
}

// held returns how many letters are held, or were before they were given back.
func (t *tally) held() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, count := range t.kinds {
		n += count
	}
	return n
}

// giveBack nacks what is held and whatever comes later.
func (t *tally) giveBack() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	for _, d := range t.lent {
		d.Nack()
	}
	t.lent = nil
}

// row is a kind of letters and how many there are.
type row struct {
	kind
	count int
}

// rows returns the kinds, the most frequent first.
func (t *tally) rows() []row {
	t.mu.Lock()
	defer t.mu.Unlock()
	var rows []row
	for k, n := range t.kinds {
		rows = append(rows, row{k, n})
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(b.count-a.count, cmp.Compare(a.subscription, b.subscription), cmp.Compare(a.reason, b.reason))
	})
	return rows
}
