package cloudmon

import "sync"

// sizes remembers how many subscriptions a project has, as reading one of its metrics whole shows. It is safe for
// concurrent use.
type sizes struct {
	mu    sync.Mutex
	whole map[place]int
}

type place struct{ project, metric string }

func (s *sizes) known(q Query) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.whole[place{q.Project, string(q.Metric)}]
}

// learn takes in an answer about the whole project. What was not asked for is counted in series, of which a subscription
// may have several: as many as those that were asked for have on average.
func (s *sizes) learn(q Query, a Answer) {
	others := a.Returned - len(a.Series)
	if len(a.Series) > 0 {
		others = others * len(q.IDs) / len(a.Series)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.whole == nil {
		s.whole = map[place]int{}
	}
	s.whole[place{q.Project, string(q.Metric)}] = len(q.IDs) + others
}

// The retries of one project: a storm of failures soon leaves one call per metric and poll.
const (
	maxRetries = 10.0
	earned     = 0.5 // by each call that succeeds
)

// retries is what each project may still try again. It is safe for concurrent use.
type retries struct {
	mu   sync.Mutex
	used map[string]float64
}

// take reports whether the project has a retry left, and uses it.
func (r *retries) take(project string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.used == nil {
		r.used = map[string]float64{}
	}
	if r.used[project] > maxRetries-1 {
		return false
	}
	r.used[project]++
	return true
}

func (r *retries) earn(project string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if used := r.used[project]; used > 0 {
		r.used[project] = max(0, used-earned)
	}
}
