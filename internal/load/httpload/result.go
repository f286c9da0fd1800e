package httpload

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Failures of requests that had no answer.
const (
	failTimeout = "timeout"
	failConnect = "no connection"
	failBroken  = "connection lost"
)

// results is what has become of the requests so far. It is safe for concurrent use.
type results struct {
	mu       sync.Mutex
	sent     int64
	answered int64
	failed   int64 // Without an answer, or with a status of 400 and more.
	statuses map[int]int64
	errors   map[string]int64
	lastErr  error
	latency  histogram // From when a request was due.
	service  histogram // From when it was sent.
}

func newResults() *results {
	return &results{statuses: map[int]int64{}, errors: map[string]int64{}}
}

func (r *results) send() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent++
}

func (r *results) answer(status int, sinceDue, sinceSent time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answered++
	r.statuses[status]++
	if status >= 400 {
		r.failed++
	}
	r.latency.add(sinceDue)
	r.service.add(sinceSent)
}

func (r *results) fail(kind string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed++
	r.errors[kind]++
	r.lastErr = err
}

// hopeless says whether not one request was answered and one could not even connect.
func (r *results) hopeless() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answered == 0 && r.errors[failConnect] > 0 {
		return r.lastErr
	}
	return nil
}

// line says how far the run is.
func (r *results) line(elapsed time.Duration, due int64) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := fmt.Sprintf("%s  due %d  sent %d  answered %d  failed %d", elapsed.Round(time.Second), due, r.sent, r.answered, r.failed)
	if p99, ok := r.latency.quantile(0.99); ok {
		text += "  p99 " + short(p99)
	}
	return text
}

// summary is the result as rows of name and value, for a run in which due requests became due within took.
func (r *results) summary(due int64, took time.Duration) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out strings.Builder
	row := func(name, value string) { fmt.Fprintf(&out, "%-9s  %s\n", name, value) }
	row("due", fmt.Sprintf("%d within %s", due, took.Round(10*time.Millisecond)))
	row("sent", fmt.Sprintf("%d (%d not sent: no slot was free)", r.sent, due-r.sent))
	row("answered", fmt.Sprintf("%d, %.1f/s", r.answered, float64(r.answered)/max(took.Seconds(), 1e-9)))
	row("status", tally(r.statuses))
	row("failed", tally(r.errors))
	row("latency", quantiles(&r.latency)+" since due")
	row("service", quantiles(&r.service)+" since sent")
	return out.String()
}

// verdict is nil if every request that was due was sent and answered well.
func (r *results) verdict(due int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var faults []string
	if r.failed > 0 {
		faults = append(faults, fmt.Sprintf("%d of %d requests failed", r.failed, r.sent))
	}
	if due > r.sent {
		faults = append(faults, fmt.Sprintf("%d of %d were not sent, because the server was slower than they came", due-r.sent, due))
	}
	if len(faults) == 0 {
		return nil
	}
	if r.lastErr != nil {
		return fmt.Errorf("%s: %w", strings.Join(faults, "; "), r.lastErr)
	}
	return fmt.Errorf("%s", strings.Join(faults, "; "))
}

// tally is a row of counts in the order of their names, or a dash.
func tally[K int | string](counts map[K]int64) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%v: %d", k, counts[k]))
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, "  ")
}

func quantiles(h *histogram) string {
	if h.total == 0 {
		return "-"
	}
	var parts []string
	for _, q := range []struct {
		name string
		part float64
	}{{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}} {
		value, _ := h.quantile(q.part)
		parts = append(parts, q.name+" "+short(value))
	}
	return strings.Join(parts, "  ")
}

// short keeps three digits.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(10 * time.Microsecond).String()
	}
}
