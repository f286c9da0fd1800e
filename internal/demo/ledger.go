package demo

import (
	"slices"
	"sync"
	"time"
)

// Ledger knows every message by its ID: the publisher says which exist, the workers' target which were handled. It
// stands outside both, so it sees what either loses. It is safe for concurrent use.
type Ledger struct {
	mu      sync.Mutex
	entries map[string]entry
	counts  Counts
	ages    ages
}

// entry is what is known of one message.
type entry struct {
	published bool
	begun     bool   // Some delivery of it has reached the target.
	handled   uint16 // How often; it stays at its greatest value.
}

// Counts are numbers of messages.
type Counts struct {
	// Published counts the IDs that the server confirmed to the publisher.
	Published int64
	// Handled counts those that were handled at least once, and Duplicated those handled more than once.
	Handled, Duplicated int64
	// Waiting counts those published and not handled: in the queue, in flight, or lost.
	Waiting int64
	// Unconfirmed counts IDs that were handled although no confirmation has reached the publisher: for a moment those
	// that were faster than the answer, for good those whose answer was lost on its way.
	Unconfirmed int64
	// Redelivered counts deliveries that reached the target after an earlier one of the same message.
	Redelivered int64
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger { return &Ledger{entries: make(map[string]entry)} }

// Published notes the IDs that the server gave to published messages.
func (l *Ledger) Published(ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		e := l.entries[id]
		if e.published {
			continue
		}
		e.published = true
		l.entries[id] = e
		l.counts.Published++
		if e.handled > 0 {
			l.counts.Unconfirmed--
		} else {
			l.counts.Waiting++
		}
	}
}

// Delivery is one message as a worker brought it.
type Delivery struct {
	ID        string
	Published time.Time
}

// Began notes that a message has reached the target.
func (l *Ledger) Began(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[id]
	if e.begun {
		l.counts.Redelivered++
		return
	}
	e.begun = true
	l.entries[id] = e
}

// Handled notes that a delivery's work was done at now.
func (l *Ledger) Handled(d Delivery, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[d.ID]
	switch e.handled {
	case 0:
		l.counts.Handled++
		l.ages.add(max(0, now.Sub(d.Published)), now)
		if e.published {
			l.counts.Waiting--
		} else {
			l.counts.Unconfirmed++
		}
	case 1:
		l.counts.Duplicated++
	}
	if e.handled < ^uint16(0) {
		e.handled++
	}
	l.entries[d.ID] = e
}

// Counts returns the numbers so far.
func (l *Ledger) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// Ages are quantiles of the time from publishing to the end of the work, first handling of each message only.
type Ages struct {
	P50, P99 time.Duration
	// Known is false when no message was handled in the time that the ages speak for.
	Known bool
}

func agesOf(h *histogram) Ages {
	p50, known := h.quantile(0.50)
	p99, _ := h.quantile(0.99)
	return Ages{P50: p50, P99: p99, Known: known}
}

// Ages returns those of the last seconds before now and those of the whole run.
func (l *Ledger) Ages(now time.Time) (latest, all Ages) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return agesOf(l.ages.latest(now)), agesOf(&l.ages.all)
}

// Missing returns up to n IDs that were published and not handled, in order.
func (l *Ledger) Missing(n int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ids []string
	for id, e := range l.entries {
		if e.published && e.handled == 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids[:min(n, len(ids))]
}
