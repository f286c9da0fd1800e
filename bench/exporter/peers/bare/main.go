// Command bare lists the same series as the exporter does, by the generated client and nothing else: it keeps the newest
// value of each and forgets the rest. Its output is the processor time of one round in microseconds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	monitoring "cloud.google.com/go/monitoring/apiv3/v2"
	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"golang.org/x/sys/unix"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func main() {
	endpoint := flag.String("endpoint", "127.0.0.1:8085", "host:port of the local Cloud Monitoring")
	project := flag.String("project", "demo", "project to read")
	metrics := flag.String("metrics", "", "metric types, separated by commas")
	window := flag.Duration("window", 5*time.Minute, "how far back each round looks")
	rounds := flag.Int("rounds", 20, "rounds to measure, after one that is not")
	flag.Parse()
	micros, err := measure(context.Background(), *endpoint, *project, strings.Split(*metrics, ","), *window, *rounds)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stdout, "%.0f\n", micros)
}

func measure(ctx context.Context, endpoint, project string, metrics []string, window time.Duration, rounds int) (float64, error) {
	conn, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		return 0, fmt.Errorf("connecting: %w", err)
	}
	client, err := monitoring.NewMetricClient(ctx, option.WithGRPCConn(conn))
	if err != nil {
		return 0, fmt.Errorf("making the client: %w", err)
	}
	defer func() { _ = client.Close() }()
	var begin time.Duration
	for i := range rounds + 1 {
		if i == 1 {
			begin = processorTime()
		}
		for _, metric := range metrics {
			if err := list(ctx, client, project, metric, window); err != nil {
				return 0, err
			}
		}
	}
	return float64((processorTime() - begin).Microseconds()) / float64(rounds), nil
}

func list(ctx context.Context, client *monitoring.MetricClient, project, metric string, window time.Duration) error {
	now := time.Now()
	series := client.ListTimeSeries(ctx, &monitoringpb.ListTimeSeriesRequest{
		Name:     "projects/" + project,
		Filter:   fmt.Sprintf(`metric.type = %q AND resource.type = "pubsub_subscription" AND resource.labels.project_id = %q`, metric, project),
		Interval: &monitoringpb.TimeInterval{StartTime: timestamppb.New(now.Add(-window)), EndTime: timestamppb.New(now)},
		PageSize: 10_000,
	})
	newest := map[string]int64{}
	for {
		one, err := series.Next()
		if errors.Is(err, iterator.Done) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("listing: %w", err)
		}
		if len(one.GetPoints()) > 0 {
			newest[one.GetResource().GetLabels()["subscription_id"]] = one.GetPoints()[0].GetValue().GetInt64Value()
		}
	}
}

func processorTime() time.Duration {
	var used unix.Timespec
	if unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &used) != nil {
		return 0
	}
	return time.Duration(used.Nano())
}
