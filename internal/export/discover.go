package export

import (
	"context"
	"path"
	"slices"
	"time"

	"go.uber.org/zap"

	"spillway/internal/backlog"
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
	last := -1
	for {
		ids, err := d.look(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			d.log.Warn("discovering subscriptions failed", zap.String("project", d.project), zap.Error(err))
		default:
			d.wants.Put("discover "+d.project, d.chosen(ids))
			if n := len(d.chosen(ids)); n != last {
				last = n
				d.log.Info("subscriptions discovered", zap.String("project", d.project), zap.Int("watched", n), zap.Int("all", len(ids)))
			}
		}
		timer := time.NewTimer(d.every)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
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
