package export

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/httpserver"
)

// health knows how the polls are going. It is safe for concurrent use.
type health struct {
	// turnLimit is how long a project's loop may take for one turn, answerLimit how long every poll may fail.
	turnLimit, answerLimit time.Duration

	mu       sync.Mutex
	projects map[string]*pulse
}

// pulse is the life of one project's loop.
type pulse struct {
	turned   time.Time // the end of the last turn, or the start
	answered time.Time // the end of the last poll that was answered at least in part, or the start
	polled   bool      // a poll has ended
	ever     bool      // a poll was answered at least in part
}

// newHealth judges by the interval of polls. A loop is stuck when two turns did not fit into the time of three; Cloud
// Monitoring is lost when nothing that it ever said can still be believed.
func newHealth(interval time.Duration, limits backlog.Limits) *health {
	return &health{
		turnLimit: 3*(interval+budget(interval)) + listLimit, answerLimit: limits.Fresh + limits.Hold, projects: map[string]*pulse{},
	}
}

func (h *health) begin(project string, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.projects[project] = &pulse{turned: now, answered: now}
}

func (h *health) forget(project string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.projects, project)
}

// polled notes a poll of which failed questions of all were not answered.
func (h *health) polled(project string, failed, all int, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.projects[project]
	if p == nil {
		return
	}
	p.polled = true
	if failed < all {
		p.answered, p.ever = now, true
	}
}

// turned notes the end of a turn.
func (h *health) turned(project string, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.projects[project]; p != nil {
		p.turned = now
	}
}

// live returns the condition of liveness: every loop turned recently. An outage of Cloud Monitoring is no reason to be
// killed.
func (h *health) live() httpserver.Check {
	return httpserver.Check{Name: "loop", Test: func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		var errs []error
		for _, id := range slices.Sorted(maps.Keys(h.projects)) {
			if ago := time.Since(h.projects[id].turned); ago > h.turnLimit {
				errs = append(errs, fmt.Errorf("project %s: no turn for %s", id, ago.Round(time.Second)))
			}
		}
		return errors.Join(errs...)
	}}
}

// ready returns the conditions of readiness: every project was polled once, and not every poll of every project fails. One
// project that may not be read takes nothing from the others.
func (h *health) ready() []httpserver.Check {
	return []httpserver.Check{{Name: "first-poll", Test: h.firstPoll}, {Name: "cloud-monitoring", Test: h.answering}}
}

func (h *health) firstPoll() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	ever := len(h.projects) == 0
	for _, id := range slices.Sorted(maps.Keys(h.projects)) {
		p := h.projects[id]
		if !p.polled {
			return fmt.Errorf("project %s was not polled yet", id)
		}
		ever = ever || p.ever
	}
	if !ever {
		return errors.New("no poll was answered yet")
	}
	return nil
}

func (h *health) answering() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	least := time.Duration(-1)
	for _, p := range h.projects {
		if ago := time.Since(p.answered); least < 0 || ago < least {
			least = ago
		}
	}
	if least > h.answerLimit {
		return fmt.Errorf("no answer for %s", least.Round(time.Second))
	}
	return nil
}
