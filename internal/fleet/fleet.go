package fleet

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"spillway/internal/backlog"
	"spillway/internal/config"
	"spillway/internal/lifecycle"
)

const (
	// atOnce bounds the scrapes that run at the same time.
	atOnce = 32
	// maxPage bounds a page, in bytes. A worker's with one flow has 30 KB.
	maxPage = 4 << 20
	// maxTold bounds the failures that one round logs.
	maxTold = 5
)

// Target is one worker to scrape.
type Target struct {
	// ID tells the worker from all others that there ever were.
	ID string
	// URL is that of its page of metrics; empty where nobody knows it.
	URL string
	// Subscriptions are those that it is said to work on.
	Subscriptions []backlog.Subscription
	// Ready and Terminating are the cluster's word. A worker that should be ready and cannot be scraped is a failure.
	Ready, Terminating bool
	// Started is when the cluster began to run it; zero where nobody says.
	Started time.Time
}

// Scrape is what is known of one worker. It is valid until the next round begins.
type Scrape struct {
	Target
	// At is when the page was read; zero when none ever was.
	At time.Time
	// Page is what it said; nil when none ever was.
	Page *Page
	// Err is why the newest scrape failed; nil when it did not.
	Err error
}

// Options is how workers are scraped.
type Options struct {
	// Period is the time from one round to the next, Timeout how long one scrape may take.
	Period, Timeout time.Duration
}

// Fleet scrapes workers. One goroutine uses it, round after round, and closes it in the end.
type Fleet struct {
	opts    Options
	client  *http.Client
	metrics *metrics
	log     *zap.Logger
	seed    maphash.Seed
	workers map[string]*worker
	buffers sync.Pool
}

// worker is a target with what its scrapes have brought.
type worker struct {
	Scrape
	spare  *Page // the next page is read into it, so that one that fails changes nothing
	offset time.Duration
	told   bool // that it cannot be scraped
}

// New returns a fleet that nobody is in.
func New(opts Options, reg prometheus.Registerer, log *zap.Logger) *Fleet {
	dialer := &net.Dialer{Timeout: opts.Timeout}
	return &Fleet{
		opts: opts, metrics: newMetrics(reg), log: log, seed: maphash.MakeSeed(), workers: map[string]*worker{},
		buffers: sync.Pool{New: func() any { return new(buffer) }},
		client: &http.Client{
			Transport: &http.Transport{
				DialContext: dialer.DialContext, MaxIdleConnsPerHost: 1, IdleConnTimeout: 3*opts.Period + time.Second,
				DisableCompression: true, // the network is near, the worker's processor is needed
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Close gives the connections back.
func (f *Fleet) Close() { f.client.CloseIdleConnections() }

// Round scrapes every target once, spread over a tenth of the period, and returns what is known of each, in the order of the targets.
// It ends when all are done, at nine tenths of the period at the latest. Workers that are no targets are forgotten.
func (f *Fleet) Round(ctx context.Context, targets []Target) []Scrape {
	ctx, cancel := context.WithTimeout(ctx, f.opts.Period*9/10)
	defer cancel()
	all := f.meet(targets)
	began := time.Now()
	var calls errgroup.Group
	calls.SetLimit(atOnce)
	for _, w := range slices.SortedFunc(slices.Values(all), func(a, b *worker) int { return cmp.Compare(a.offset, b.offset) }) {
		if !lifecycle.Sleep(ctx, time.Until(began.Add(w.offset))) {
			w.Err = &failure{failedRound, ctx.Err()}
			continue
		}
		if w.URL == "" {
			w.Err = &failure{failedConnection, errNowhere}
			continue
		}
		calls.Go(func() error {
			f.scrape(ctx, w)
			return nil
		})
	}
	_ = calls.Wait()
	f.record(all)
	scrapes := make([]Scrape, len(all))
	for i, w := range all {
		scrapes[i] = w.Scrape
	}
	return scrapes
}

// meet finds what is known of the targets, and forgets everybody else. A target that is named twice is scraped once.
func (f *Fleet) meet(targets []Target) []*worker {
	all := make([]*worker, 0, len(targets))
	seen := make(map[string]bool, len(targets))
	for _, t := range targets {
		if seen[t.ID] {
			continue
		}
		seen[t.ID] = true
		w := f.workers[t.ID]
		if w == nil || w.URL != t.URL {
			share := float64(maphash.String(f.seed, t.ID)>>11) / (1 << 53)
			w = &worker{spare: &Page{}, offset: time.Duration(share * float64(f.opts.Period) / 10)}
			f.workers[t.ID] = w
		}
		w.Target = t
		all = append(all, w)
	}
	for id := range f.workers {
		if !seen[id] {
			delete(f.workers, id)
		}
	}
	f.metrics.workers.Set(float64(len(all)))
	return all
}

// record counts and logs failures of workers that should be ready: the first of each, until it answers again.
func (f *Fleet) record(all []*worker) {
	told, more := 0, 0
	for _, w := range all {
		if w.Err == nil || !w.Ready || w.Terminating {
			w.told = w.told && w.Err != nil
			continue
		}
		f.metrics.failures.WithLabelValues(reasonOf(w.Err)).Inc()
		if w.told {
			continue
		}
		w.told = true
		if told++; told > maxTold {
			more++
			continue
		}
		f.log.Warn("scraping a worker failed", zap.String("worker", w.ID), zap.String("url", config.RedactURL(w.URL)), zap.Error(w.Err))
	}
	if more > 0 {
		f.log.Warn("scraping more workers failed", zap.Int("workers", more))
	}
}

// Flow returns what the newest page that could be read says about a subscription; nil when it lacks a series that every worker must have, or
// says what cannot be.
func (s *Scrape) Flow(subscription string) *Flow {
	if s.Page == nil {
		return nil
	}
	if flow := s.Page.Flow(subscription); flow != nil && flow.seen&required == required && flow.sound() {
		return flow
	}
	return nil
}

// complain says what is wrong with a page that could be read.
func complain(w *worker) error {
	for _, sub := range w.Subscriptions {
		flow := w.Page.Flow(sub.ID)
		switch {
		case flow == nil:
			return &failure{failedSeries, fmt.Errorf("it has no series with the label subscription=%q; docs/metrics.md says which a worker must have", sub.ID)}
		case flow.seen&required != required:
			return &failure{failedSeries, fmt.Errorf("it lacks %s with the label subscription=%q", flow.Missing(), sub.ID)}
		case !flow.sound():
			return &failure{failedSeries, fmt.Errorf("a series with the label subscription=%q is negative or no number", sub.ID)}
		}
	}
	return nil
}
