package doctor

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"spillway/internal/backlog"
	"spillway/internal/cloudmon"
	"spillway/internal/doctor/cloud"
	"spillway/internal/roster"
)

// dialing are the questions that find credentials and connect.
func (a *App) dialing() []question {
	if a.pubsub != nil { // a test has
		return nil
	}
	at, monitoringAt := a.opts.endpoints()
	if local(at) {
		a.google.local = at
	}
	return []question{
		{"credentials", func(ctx context.Context) {
			client, err := cloud.Dial(ctx, cloud.Options{Endpoint: at, Universe: a.opts.Universe})
			if err != nil {
				a.google.err = err
				return
			}
			a.pubsub, a.google.project = client, client.Project()
			if list, err := dialRoster(ctx, roster.Options{Endpoint: at, Universe: a.opts.Universe}); err == nil {
				a.lister = list
			}
		}},
		{"credentials for Cloud Monitoring", func(ctx context.Context) {
			client, err := cloudmon.Dial(ctx, cloudmon.Options{Endpoint: monitoringAt, Universe: a.opts.Universe})
			if a.monErr = err; err == nil {
				a.monitoring = client
			}
		}},
	}
}

// listing lists by the roster and remembers the codes of its calls.
type listing struct {
	*roster.Client

	mu    sync.Mutex
	codes map[string]codes.Code // by project
}

func dialRoster(ctx context.Context, o roster.Options) (*listing, error) {
	l := &listing{codes: map[string]codes.Code{}}
	o.Observe = func(_, project string, code codes.Code, _ time.Duration) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.codes[project] = code
	}
	client, err := roster.Dial(ctx, o)
	l.Client = client
	return l, err
}

// List returns the short IDs of a project's subscriptions.
func (l *listing) List(ctx context.Context, project string) ([]string, error) {
	ids, err := l.Client.List(ctx, project)
	if err == nil {
		return ids, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return nil, &callError{l.codes[project], err}
}

// newSubject returns what is to be asked about a subscription.
func (a *App) newSubject(sub backlog.Subscription, metric backlog.Definition) *subject {
	s := &subject{sub: sub, metric: metric, freshFor: a.opts.FreshFor}
	for _, project := range []string{a.opts.Project, a.google.project} {
		if project != "" && project != sub.Project && !slices.Contains(s.candidates, project) {
			s.candidates = append(s.candidates, project)
		}
	}
	return s
}

var errNotAsked = errors.New("it could not be asked")

// asking are the questions about a subscription. Each sets fields of its own.
func (a *App) asking(s *subject) []question {
	if a.pubsub == nil {
		return nil
	}
	id := s.sub.ID
	return []question{
		{"whether " + id + " exists", func(ctx context.Context) { s.described, s.descErr = a.pubsub.Describe(ctx, s.sub) }},
		{"permissions on " + id, func(ctx context.Context) {
			var names []string
			for _, p := range onSubscription() {
				names = append(names, p.name)
			}
			s.granted, s.grantErr = a.pubsub.Granted(ctx, s.sub, names)
		}},
		{"the subscriptions of " + s.sub.Project, func(ctx context.Context) { a.list(ctx, s) }},
		{"Cloud Monitoring about " + id, func(ctx context.Context) { a.sample(ctx, s) }},
	}
}

// list reads the project's subscriptions, and those of other projects that may have been meant if it lacks this one.
func (a *App) list(ctx context.Context, s *subject) {
	if a.lister == nil {
		s.listErr = errNotAsked
		return
	}
	if s.listed, s.listErr = a.lister.List(ctx, s.sub.Project); slices.Contains(s.listed, s.sub.ID) {
		return
	}
	for _, project := range s.candidates {
		if ids, err := a.lister.List(ctx, project); err == nil && slices.Contains(ids, s.sub.ID) {
			s.elsewhere = project
			return
		}
	}
}

// sample reads the newest points of the metric.
func (a *App) sample(ctx context.Context, s *subject) {
	if a.monitoring == nil {
		if s.readErr = a.monErr; s.readErr == nil {
			s.readErr = errNotAsked
		}
		return
	}
	s.now = a.now()
	answer, err := a.monitoring.Read(ctx, cloudmon.Query{
		Metric: s.metric.Metric, Kind: s.metric.Kind, Project: s.sub.Project, IDs: []string{s.sub.ID}, Since: s.now.Add(-lookback), Until: s.now,
	})
	s.measured, s.readErr = answer.Series, err
}

// labelled returns the values of the metric's own labels in the samples.
func labelled(measured []backlog.Measured) map[string][]string {
	values := map[string][]string{}
	for i := range measured {
		for _, l := range measured[i].Labels {
			if !slices.Contains(values[l.Name], l.Value) {
				values[l.Name] = append(values[l.Name], l.Value)
			}
		}
	}
	return values
}
