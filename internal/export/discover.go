package export

import (
	"context"
	"path"
	"slices"
	"time"

	"go.uber.org/zap"

	"spillway/internal/backlog"
	"spillway/internal/lifecycle"
)

// discovery watches all subscriptions of one project, as far as the patterns let them.
type discovery struct {
	lister           lister
	project          string
	include, exclude []string
	every            time.Duration // between two looks at the list
	wants            *Wants
	log              *zap.Logger
}

// run looks at once and then every so often until ctx is done; it returns nil then. A list that cannot be read leaves
// things as they are.
func (d *discovery) run(ctx context.Context) error {
	for last := -1; ctx.Err() == nil; {
		ids, err := d.look(ctx)
		if ctx.Err() == nil {
			last = d.found(ids, err, last)
		}
		lifecycle.Sleep(ctx, d.every)
	}
	return nil
}

// found takes in a list and returns how many of it are watched, last if it could not be read.
func (d *discovery) found(ids []string, err error, last int) int {
	if err != nil {
		d.log.Warn("discovering subscriptions failed", zap.String("project", d.project), zap.Error(err))
		return last
	}
	chosen := d.chosen(ids)
	d.wants.Put("discover "+d.project, chosen)
	if len(chosen) != last {
		d.log.Info("subscriptions discovered", zap.String("project", d.project), zap.Int("watched", len(chosen)), zap.Int("all", len(ids)))
	}
	return len(chosen)
}

func (d *discovery) look(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	return d.lister.list(ctx, d.project)
}

// chosen returns what the patterns let through.
func (d *discovery) chosen(ids []string) []backlog.Want {
	var wants []backlog.Want
	for _, id := range ids {
		if (len(d.include) == 0 || matches(d.include, id)) && !matches(d.exclude, id) {
			wants = append(wants, backlog.Want{Subscription: backlog.Subscription{Project: d.project, ID: id}, By: "--discover"})
		}
	}
	return wants
}

func matches(patterns []string, id string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		found, err := path.Match(pattern, id)
		return found && err == nil
	})
}
