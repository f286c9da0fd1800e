package export

import (
	"slices"
	"time"
)

// listing is the list of a project's subscriptions, as Pub/Sub's admin API gave it. It is not changed once made.
type listing struct {
	at   time.Time       // when the list was asked for; zero: never
	ids  map[string]bool // true: on the last list; false: on an earlier one, and gone
	fail error           // why there is no newer list
}

// existence says whether a subscription is there.
type existence int

const (
	unknown existence = iota
	exists
	missing
	deleted
)

// find looks an ID up; ever says whether it has had samples, which nobody else can have.
func (r listing) find(id string, ever bool) existence {
	if r.at.IsZero() {
		return unknown
	}
	on, known := r.ids[id]
	switch {
	case on:
		return exists
	case known || ever:
		return deleted
	default:
		return missing
	}
}

// next returns the listing after another answer.
func (r listing) next(ids []string, err error, now time.Time) listing {
	if err != nil {
		return listing{at: r.at, ids: r.ids, fail: err}
	}
	all := make(map[string]bool, len(ids))
	for id := range r.ids {
		all[id] = false
	}
	for _, id := range ids {
		all[id] = true
	}
	return listing{at: now, ids: all}
}

// names returns those that are there, in order.
func (r listing) names() []string {
	var names []string
	for id, on := range r.ids {
		if on {
			names = append(names, id)
		}
	}
	slices.Sort(names)
	return names
}
