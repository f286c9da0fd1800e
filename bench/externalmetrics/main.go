// Command externalmetrics measures backlog-exporter's external metrics API as a process: 10,000 subscriptions, asked for in
// turn over TLS with a bearer token, and authentication and authorization delegated to an API server that is this program.
// The last lines are rows: name, value, unit.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"spillway/bench/run"
)

const (
	project       = "shop"
	subscriptions = 10_000
)

func main() {
	programs := flag.String("programs", "bin", "directory of backlog-exporter and spillway")
	rate := flag.Int("rate", 1000, "requests per second of the paced part")
	window := flag.Duration("window", 20*time.Second, "how long each part takes")
	bound := flag.Duration("bound", 290*time.Second, "how long everything may take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, cancel := context.WithTimeout(ctx, *bound)
	rows, err := measure(ctx, os.Stdout, *programs, *rate, *window)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "measuring:", err)
		os.Exit(1)
	}
	rows.Write(os.Stdout)
}

func measure(ctx context.Context, out io.Writer, programs string, rate int, window time.Duration) (rows run.Rows, err error) {
	emulator, err := monitored(ctx, programs)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, emulator.Close()) }()
	cluster, err := newCluster()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cluster.close()) }()
	api, addr, err := exporter(ctx, programs, emulator, cluster)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, api.Kill()) }()
	c := newClient(addr, cluster)
	defer c.close()
	fmt.Fprintln(out, "=== waiting until every subscription is known")
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "=== %d requests/s for %s\n", rate, window)
	paced, err := c.run(ctx, rate, window)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "=== as many as there can be, for %s\n", window)
	most, err := c.run(ctx, 0, window)
	if err != nil {
		return nil, err
	}
	return run.Rows{
		{Name: "external_metrics_requests_per_second", Value: most.perSecond(), Unit: "requests/s"},
		{Name: "external_metrics_p99_ms_at_1000_per_second", Value: paced.p99(), Unit: "ms"},
		{Name: "external_metrics_paced_requests_per_second", Value: paced.perSecond(), Unit: "requests/s"},
		{Name: "external_metrics_access_reviews", Value: float64(cluster.reviews.Load()), Unit: "reviews"},
	}, nil
}

// monitored runs an emulator with the subscriptions, six times as fast as life.
func monitored(ctx context.Context, programs string) (*run.Server, error) {
	s, err := run.StartSpillway(ctx, filepath.Join(programs, "spillway"), "--monitoring-speed=6")
	if err != nil {
		return nil, fmt.Errorf("starting the emulator: %w", err)
	}
	topic := "projects/" + project + "/topics/events"
	_, err = pubsubpb.NewPublisherClient(s.Conn).CreateTopic(ctx, &pubsubpb.Topic{Name: topic})
	admin := pubsubpb.NewSubscriberClient(s.Conn)
	for i := 0; i < subscriptions && err == nil; i++ {
		_, err = admin.CreateSubscription(ctx, &pubsubpb.Subscription{Name: "projects/" + project + "/subscriptions/" + id(i), Topic: topic})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making subscriptions: %w", err), s.Close())
	}
	return s, nil
}

func id(i int) string { return fmt.Sprintf("some-team-some-event-consumer-v%05d", i) }

func exporter(ctx context.Context, programs string, emulator *run.Server, c *cluster) (*run.Process, string, error) {
	addr, err := freeAddress(ctx)
	if err != nil {
		return nil, "", err
	}
	p, err := run.Start(ctx, run.Command{
		Path: filepath.Join(programs, "backlog-exporter"), Stderr: os.Stderr,
		Args: []string{
			"--discover=" + project, "--project=" + project, "--monitoring-endpoint=" + emulator.Address, "--listen=127.0.0.1:0", "--log-level=error",
			"--poll-interval=10s", "--fresh-for=40s", "--hold=50s",
			"--external-metrics=" + addr, "--kubeconfig=" + c.path("kubeconfig"), "--external-metrics-cert=" + c.path("tls.crt"), "--external-metrics-key=" + c.path("tls.key"),
		},
	})
	if err != nil {
		return nil, "", fmt.Errorf("starting the exporter: %w", err)
	}
	return p, addr, nil
}
