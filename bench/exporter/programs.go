package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"spillway/bench/run"
)

// server runs an emulator with so many subscriptions.
func (b *bench) server(ctx context.Context, subscriptions int, flags ...string) (*run.Server, error) {
	s, err := run.StartSpillway(ctx, filepath.Join(b.programs, "spillway"), flags...)
	if err != nil {
		return nil, err
	}
	topic := "projects/" + project + "/topics/events"
	_, err = pubsubpb.NewPublisherClient(s.Conn).CreateTopic(ctx, &pubsubpb.Topic{Name: topic})
	admin := pubsubpb.NewSubscriberClient(s.Conn)
	for i := 0; i < subscriptions && err == nil; i++ {
		name := fmt.Sprintf("projects/%s/subscriptions/some-team-some-event-consumer-v%05d", project, i)
		_, err = admin.CreateSubscription(ctx, &pubsubpb.Subscription{Name: name, Topic: topic})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making subscriptions: %w", err), s.Close())
	}
	return s, nil
}

// target is a program that is scraped.
type target struct {
	*run.Process
	url  string
	body bytes.Buffer // of the last scrape; kept, so that it is the target that a scrape measures
}

// exporter runs backlog-exporter over a server.
func (b *bench) exporter(ctx context.Context, server *run.Server, flags ...string) (*target, error) {
	addr, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	p, err := run.Start(ctx, run.Command{
		Path: filepath.Join(b.programs, "backlog-exporter"), Stderr: os.Stderr,
		Args: append([]string{"--discover=" + project, "--monitoring-endpoint=" + server.Address, "--listen=" + addr, "--log-level=error"}, flags...),
	})
	if err != nil {
		return nil, err
	}
	return &target{Process: p, url: "http://" + addr + "/metrics"}, nil
}

// stackdriver runs stackdriver_exporter over a server.
func (b *bench) stackdriver(ctx context.Context, server *run.Server) (*target, error) {
	addr, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	p, err := run.Start(ctx, run.Command{
		Path: filepath.Join(b.peers, "stackdriver"), Stderr: os.Stderr,
		Args: []string{"-listen=" + addr, "-endpoint=" + server.Address, "-project=" + project, "-prefixes=" + strings.Join(peerTypes(), ",")},
	})
	if err != nil {
		return nil, err
	}
	return &target{Process: p, url: "http://" + addr + "/metrics"}, nil
}

// metricTypes are the full names, and peerTypes the prefixes that lead to them, each once.
func metricTypes() []string {
	var types []string
	for _, name := range metricNames() {
		types = append(types, service+name)
	}
	return types
}

func peerTypes() []string {
	var types []string
	for _, one := range metricTypes() {
		if one != service+"oldest_unacked_message_age_by_region" { // oldest_unacked_message_age begins it
			types = append(types, one)
		}
	}
	return types
}

func freeAddress(ctx context.Context) (string, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	return ln.Addr().String(), ln.Close()
}

// scrape reads a target's series as Prometheus does, compressed if the target likes.
func (t *target) scrape(ctx context.Context) (body string, err error) {
	_, err = t.read(ctx, "")
	return t.body.String(), err
}

// read reads what a target answers with a content coding, which is left as it came unless it is empty, and says how long
// that took.
func (t *target) read(ctx context.Context, coding string) (took time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("making a scrape: %w", err)
	}
	if coding != "" {
		req.Header.Set("Accept-Encoding", coding)
	}
	begin := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("scraping: %w", err)
	}
	t.body.Reset()
	_, err = t.body.ReadFrom(resp.Body)
	took = time.Since(begin)
	if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("scraping: %s, %w", resp.Status, err)
	}
	return took, nil
}

// until scrapes until so many lines begin with a prefix, and returns the last scrape.
func (t *target) until(ctx context.Context, prefix string, lines int) (string, error) {
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for {
		body, err := t.scrape(ctx)
		if err == nil && count(body, prefix) >= lines {
			return body, nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("waiting for %d lines of %s: %d are there: %w", lines, prefix, count(body, prefix), errors.Join(err, context.Cause(ctx)))
		case <-ticker.C:
		}
	}
}

func count(body, prefix string) int {
	n := 0
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

// sum adds up the values of the lines that begin with a prefix.
func sum(body, prefix string) float64 {
	total := 0.0
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, prefix) {
			fields := strings.Fields(line)
			value, err := strconv.ParseFloat(fields[len(fields)-1], 64)
			if err == nil {
				total += value
			}
		}
	}
	return total
}
