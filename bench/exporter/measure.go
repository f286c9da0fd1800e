package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"spillway/bench/run"
)

const (
	backlogSeries = "pubsub_subscription_unacked_messages{"
	calls         = `pubsub_exporter_api_calls_total{code="OK",method="ListTimeSeries"`
	complete      = `pubsub_exporter_polls_total{project_id="shop",result="complete"}`
	scrapes       = 20
)

// measureLarge takes the scrape and the memory of 10,000 subscriptions. Everything is six times as fast as in life, so that
// several polls fit in.
func (b *bench) measureLarge(ctx context.Context, _ *run.Server) (err error) {
	server, err := b.server(ctx, lots, "--monitoring-speed=6")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	t, err := b.exporter(ctx, server, "--poll-interval=10s", "--fresh-for=40s", "--hold=50s")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Kill()) }()
	body, err := t.until(ctx, backlogSeries, lots)
	if err != nil {
		return err
	}
	times := map[string][]float64{}
	resident := 0.0
	for range scrapes {
		for _, coding := range []string{"identity", "gzip"} {
			took, err := t.read(ctx, coding)
			if err != nil {
				return err
			}
			times[coding] = append(times[coding], float64(took.Microseconds())/1000)
		}
		if err := rest(ctx, time.Second); err != nil {
			return err
		}
		now, err := t.Resident()
		if err != nil {
			return err
		}
		resident = max(resident, now)
	}
	b.row("exporter_scrape_ms_10000_subs", run.Median(times["identity"]), "ms")
	b.row("exporter_scrape_gzip_ms_10000_subs", run.Median(times["gzip"]), "ms")
	b.row("exporter_rss_mib_10000_subs", resident/(1<<20), "MiB")
	b.row("exporter_scrape_mib_10000_subs", float64(len(body))/(1<<20), "MiB")
	return nil
}

// comparePolls takes what one poll costs, in turns with the generated client alone and with one scrape of the peer.
func (b *bench) comparePolls(ctx context.Context, server *run.Server) (err error) {
	ours, err := b.exporter(ctx, server, "--metrics="+strings.Join(metricNames(), ","), "--poll-interval=1s", "--fresh-for=299s")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.Kill()) }()
	theirs, err := b.stackdriver(ctx, server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, theirs.Kill()) }()
	if _, err := ours.until(ctx, backlogSeries, few); err != nil {
		return err
	}
	var poll, alone, scrape, toAlone, toScrape []float64
	for range b.rounds {
		p, err := ours.perPoll(ctx)
		if err != nil {
			return err
		}
		a, err := b.bare(ctx, server)
		if err != nil {
			return err
		}
		s, err := theirs.perScrape(ctx, 5)
		if err != nil {
			return err
		}
		poll, alone, scrape = append(poll, p), append(alone, a), append(scrape, s)
		toAlone, toScrape = append(toAlone, p/a), append(toScrape, p/s)
	}
	b.row("exporter_poll_cpu_ratio_vs_bare_client", run.Median(toAlone), "ratio")
	b.row("exporter_cpu_ratio_per_poll", run.Median(toScrape), "ratio")
	b.row("exporter_poll_cpu_us", run.Median(poll), "us")
	b.row("bare_client_poll_cpu_us", run.Median(alone), "us")
	b.row("stackdriver_exporter_scrape_cpu_us", run.Median(scrape), "us")
	return nil
}

// perPoll is the processor time of one poll in microseconds, over five seconds without a scrape of the board.
func (t *target) perPoll(ctx context.Context) (float64, error) {
	before, polls, err := t.spent(ctx)
	if err != nil {
		return 0, err
	}
	if err := rest(ctx, 5*time.Second); err != nil {
		return 0, err
	}
	after, morePolls, err := t.spent(ctx)
	if err != nil || morePolls == polls {
		return 0, fmt.Errorf("%g polls: %w", morePolls-polls, err)
	}
	return float64((after - before).Microseconds()) / (morePolls - polls), nil
}

// spent is the processor time until now and the polls that it went into. The scrape that tells is counted in, uncompressed.
func (t *target) spent(ctx context.Context) (time.Duration, float64, error) {
	if _, err := t.read(ctx, "identity"); err != nil {
		return 0, 0, err
	}
	cpu, err := t.CPU()
	return cpu, sum(t.body.String(), complete), err
}

// perScrape is the processor time of one scrape in microseconds.
func (t *target) perScrape(ctx context.Context, n int) (float64, error) {
	before, err := t.CPU()
	if err != nil {
		return 0, err
	}
	for range n {
		if _, err := t.scrape(ctx); err != nil {
			return 0, err
		}
	}
	after, err := t.CPU()
	return float64((after - before).Microseconds()) / float64(n), err
}

// bare is the processor time of one round of the generated client alone in microseconds.
func (b *bench) bare(ctx context.Context, server *run.Server) (float64, error) {
	var out bytes.Buffer
	p, err := run.Start(ctx, run.Command{Path: filepath.Join(b.peers, "bare"), Stdout: &out, Args: []string{
		"-endpoint=" + server.Address, "-project=" + project, "-metrics=" + strings.Join(metricTypes(), ","), "-rounds=5",
	}})
	if err != nil {
		return 0, err
	}
	<-p.Ended()
	micros, err := strconv.ParseFloat(strings.TrimSpace(out.String()), 64)
	if err != nil {
		return 0, fmt.Errorf("reading what bare says: %w", err)
	}
	return micros, nil
}

// together are the programs that run side by side all the time: both exporters with the same metrics, and ours with its
// default ones, for the calls.
type together struct{ ours, plain, theirs *target }

func (b *bench) startTogether(ctx context.Context, server *run.Server) (t *together, err error) {
	t = &together{}
	if t.ours, err = b.exporter(ctx, server, "--metrics="+strings.Join(metricNames(), ",")); err == nil {
		t.plain, err = b.exporter(ctx, server)
	}
	if err == nil {
		t.theirs, err = b.stackdriver(ctx, server)
	}
	if err != nil {
		return nil, errors.Join(err, t.kill())
	}
	return t, nil
}

func (t *together) kill() error {
	var errs []error
	for _, one := range []*target{t.ours, t.plain, t.theirs} {
		if one != nil {
			errs = append(errs, one.Kill())
		}
	}
	return errors.Join(errs...)
}

// compareScrapes lets both exporters run as they would, for some minutes.
func (b *bench) compareScrapes(ctx context.Context, _ *run.Server) error {
	for _, t := range []*target{b.together.ours, b.together.plain} {
		if _, err := t.until(ctx, backlogSeries, few); err != nil {
			return err
		}
	}
	before, cost, err := b.runBoth(ctx, b.together.plain, b.together.ours, b.together.theirs)
	if err != nil {
		return err
	}
	after, err := b.together.plain.scrape(ctx)
	if err != nil {
		return err
	}
	b.row("exporter_cpu_ratio_vs_stackdriver_exporter_15s", cost[0].Seconds()/cost[1].Seconds(), "ratio")
	// Polls follow the samples, of which there is one a minute; a poll more or less may fit into the window.
	b.row("exporter_api_calls_per_minute_1000_subs", (sum(after, calls)-sum(before, calls))/(sum(after, complete)-sum(before, complete)), "calls/min")
	b.row("exporter_cpu_ms_per_minute_15s", float64(cost[0].Milliseconds())/b.window.Minutes(), "ms/min")
	b.row("stackdriver_exporter_cpu_ms_per_minute_15s", float64(cost[1].Milliseconds())/b.window.Minutes(), "ms/min")
	return nil
}

// runBoth scrapes both every 15 s and returns what plain showed before, and the processor time of each.
func (b *bench) runBoth(ctx context.Context, plain *target, both ...*target) (before string, cost []time.Duration, err error) {
	before, err = plain.scrape(ctx)
	if err != nil {
		return "", nil, err
	}
	for _, t := range both {
		cpu, err := t.CPU()
		if err != nil {
			return "", nil, err
		}
		cost = append(cost, -cpu)
	}
	for begin := time.Now(); time.Since(begin) < b.window; {
		for _, t := range both {
			if _, err := t.scrape(ctx); err != nil {
				return "", nil, err
			}
		}
		if err := rest(ctx, 15*time.Second-time.Since(begin)%(15*time.Second)); err != nil {
			return "", nil, err
		}
	}
	for i, t := range both {
		cpu, err := t.CPU()
		if err != nil {
			return "", nil, err
		}
		cost[i] += cpu
	}
	return before, cost, nil
}

// rest waits, unless ctx ends first.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
