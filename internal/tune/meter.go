package tune

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"spillway/internal/fleet"
	"spillway/internal/nowcast"
)

// maxPage bounds a page of metrics, in bytes.
const maxPage = 16 << 20

// errIdle says that nothing was acked while the worker was watched.
var errIdle = errors.New("the worker acked nothing while it was watched; measure it while messages come, or give --capacity")

// Meter learns from a running worker what one pod can do, as the exporter does. It is not safe for concurrent use.
type Meter struct {
	// URL is the worker's page of metrics, Subscription the flow's; empty for its only one.
	URL, Subscription string
	// Cores is what the worker may use of the processor where it does not say so itself; 0 for no bound.
	Cores float64
	// Client is what asks.
	Client *http.Client

	page   fleet.Page
	state  nowcast.State
	result nowcast.Result
	first  float64 // acked at the first scrape
	acked  float64 // and at the newest
	seen   int
}

// metricsURL is the page of a worker that was given by its address.
func metricsURL(given string) (string, error) {
	if !strings.Contains(given, "://") {
		given = "http://" + given
	}
	u, err := url.Parse(given)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", errors.New("is not the URL of a worker")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/metrics"
	}
	return u.String(), nil
}

// Scrape asks the worker once more.
func (m *Meter) Scrape(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.URL, http.NoBody)
	if err != nil {
		return fmt.Errorf("scraping the worker: %w", err)
	}
	answer, err := m.Client.Do(req)
	if err != nil {
		return fmt.Errorf("scraping the worker: %w; --worker is the URL of a worker that runs and has work, and --capacity needs none", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("scraping the worker: %s answers %s", m.URL, answer.Status)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxPage))
	if err != nil {
		return fmt.Errorf("scraping the worker: %w", err)
	}
	if err := m.page.Parse(text); err != nil {
		return fmt.Errorf("reading the worker's metrics: %w", err)
	}
	if m.Subscription, err = subscription(&m.page, m.Subscription); err != nil {
		return err
	}
	m.take(time.Now())
	return nil
}

// take lets the law see the page.
func (m *Meter) take(now time.Time) {
	pod := pod(&m.page, m.page.Flow(m.Subscription), now)
	if pod.CPULimit == 0 {
		pod.CPULimit = m.Cores
	}
	if m.acked = pod.Acked; m.seen == 0 {
		m.first = pod.Acked
	}
	m.seen++
	m.result = m.state.Tick(nowcast.DefaultLaw(), nowcast.Input{Now: now, Pods: []nowcast.Pod{pod}, Replicas: 1})
}

// Capacity is the messages a second that a pod can settle and what bounds it; the error says why that is not known.
func (m *Meter) Capacity() (perSecond float64, by string, err error) {
	if m.acked <= m.first {
		return 0, "", errIdle
	}
	x := m.result.Explanation
	if x.Capacity <= 0 {
		return 0, "", errIdle
	}
	return x.Capacity, x.CapacityBy, nil
}

// Watch scrapes the worker until the time is over. The worker is asked at least twice.
func (m *Meter) Watch(ctx context.Context, lasting, every time.Duration) error {
	end := time.NewTimer(lasting)
	defer end.Stop()
	tick := time.NewTicker(every)
	defer tick.Stop()
	if err := m.Scrape(ctx); err != nil {
		return err
	}
	for over := false; !over; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-end.C:
			over = true
		case <-tick.C:
		}
		if err := m.Scrape(ctx); err != nil {
			return err
		}
	}
	return nil
}
