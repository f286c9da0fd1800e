package demo

import (
	"errors"
	"fmt"
	"strings"
)

// ErrInterrupted says that the show was broken off before it could prove anything.
var ErrInterrupted = errors.New("interrupted")

// outcome is everything that went wrong: how the story ended, and what the last frame shows.
func outcome(ended error, f Frame, missing []string) error {
	var errs []error
	if f.Lost > 0 {
		errs = append(errs, fmt.Errorf("lost messages: %d, among them %s", f.Lost, strings.Join(missing, ", ")))
	}
	if f.Failed > 0 {
		errs = append(errs, fmt.Errorf("messages not published: %d", f.Failed))
	}
	for _, fault := range f.Faults {
		errs = append(errs, errors.New(fault))
	}
	return join(ended, errors.Join(errs...))
}

// join keeps an interruption only when nothing worse happened.
func join(ended, faults error) error {
	if faults != nil && errors.Is(ended, ErrInterrupted) {
		return faults
	}
	if faults == nil {
		return ended
	}
	return errors.Join(ended, faults)
}

// unrest says what still keeps the show from its end, or nothing.
func unrest(f Frame) string {
	var list []string
	if !f.Backlog.Known || f.Backlog.Messages > 0 || f.Counts.Waiting > f.Lost {
		list = append(list, fmt.Sprintf("the backlog is %s, %s messages wait", level(f.Backlog), number(f.Counts.Waiting)))
	}
	if r := f.Replicas; r.Wanted != minReplicas || r.Serving != minReplicas || r.Draining > 0 {
		list = append(list, fmt.Sprintf("of the workers %s instead of %d", replicas(r), minReplicas))
	}
	return strings.Join(list, "; ")
}
