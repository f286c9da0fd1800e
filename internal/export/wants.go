package export

import (
	"maps"
	"slices"
	"sync"

	"spillway/internal/backlog"
)

// Wants is who is to be watched, as several sources see it. It is safe for concurrent use.
type Wants struct {
	mu      sync.Mutex
	sources map[string][]backlog.Want
	changed chan struct{}
}

// NewWants returns a set in which nobody wants anything.
func NewWants() *Wants {
	return &Wants{sources: map[string][]backlog.Want{}, changed: make(chan struct{}, 1)}
}

// Put replaces everything that source asks for. An empty list takes back all that it wanted. The list must not be
// changed afterwards.
func (w *Wants) Put(source string, wants []backlog.Want) {
	w.mu.Lock()
	w.sources[source] = wants
	w.mu.Unlock()
	select {
	case w.changed <- struct{}{}:
	default: // a change that nobody has looked at yet stands for this one too
	}
}

// said reports whether source has ever said what it wants.
func (w *Wants) said(source string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ever := w.sources[source]
	return ever
}

// estimatesSource is who asks for what estimates are made of.
const estimatesSource = "estimates"

// estimated returns the subscriptions of which somebody wants an estimate, or every one that somebody else wants, in order.
func (w *Wants) estimated(every bool) []backlog.Subscription {
	w.mu.Lock()
	defer w.mu.Unlock()
	var subs []backlog.Subscription
	for source, wants := range w.sources {
		if source == estimatesSource {
			continue
		}
		for _, one := range wants {
			if every || slices.ContainsFunc(one.Metrics, backlog.Metric.Estimated) {
				subs = append(subs, one.Subscription)
			}
		}
	}
	slices.SortFunc(subs, backlog.Subscription.Compare)
	return slices.Compact(subs)
}

// want is what one subscription is watched for, by all that ask for it.
type want struct {
	metrics []backlog.Metric // beyond those of every subscription; in order and once each
	by      []string         // in the order of the sources
}

// all returns every subscription that somebody wants, by project and short ID.
func (w *Wants) all() map[string]map[string]want {
	w.mu.Lock()
	defer w.mu.Unlock()
	projects := map[string]map[string]want{}
	for _, source := range slices.Sorted(maps.Keys(w.sources)) {
		for _, one := range w.sources[source] {
			subs := projects[one.Subscription.Project]
			if subs == nil {
				subs = map[string]want{}
				projects[one.Subscription.Project] = subs
			}
			merged := subs[one.Subscription.ID]
			merged.add(one)
			subs[one.Subscription.ID] = merged
		}
	}
	return projects
}

func (w *want) add(one backlog.Want) {
	for _, m := range one.Metrics {
		if i, found := slices.BinarySearch(w.metrics, m); !found {
			w.metrics = slices.Insert(w.metrics, i, m)
		}
	}
	if one.By != "" && !slices.Contains(w.by, one.By) {
		w.by = append(w.by, one.By)
	}
}
