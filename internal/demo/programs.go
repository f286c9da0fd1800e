package demo

import (
	"strconv"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/load"
)

// The times of the real thing that scale with the pace. Those of Cloud Monitoring are the emulator's to scale.
const (
	pollInterval = time.Minute
	freshFor     = 4 * time.Minute
	holdFor      = 5 * time.Minute
	// leaseExtension is how long a killed worker holds its messages back; the service grants at least leastLease.
	leaseExtension = time.Minute
	leastLease     = 10 * time.Second
)

// The regions that messages are stored in; the other one can be missing.
const (
	homeRegion  = "europe-west1"
	otherRegion = "europe-west4"
)

// drainLimit bounds a worker's drain, which takes about one message's work, and patience the end of any program.
const (
	drainLimit = 15 * time.Second
	patience   = 20 * time.Second
)

// flow names what the story is about.
type flow struct {
	topic        backlog.Topic
	subscription backlog.Subscription
}

func sellingOffers() flow {
	return flow{
		topic:        backlog.Topic{Project: "spillway-demo", ID: "sellingoffer"},
		subscription: backlog.Subscription{Project: "spillway-demo", ID: "opera-sellingoffer-v1"},
	}
}

// labels are those of the subscription's series.
func (f flow) labels() map[string]string {
	return map[string]string{"project_id": f.subscription.Project, "subscription_id": f.subscription.ID}
}

// anyPort makes a program listen where there is room; it logs where.
func anyPort(args ...string) []string {
	return append(args, "--listen=127.0.0.1:0", "--log-format=json")
}

func emulatorProgram(path string, f flow, pace Pace) program {
	return program{name: "emulator", path: path, patience: patience, args: anyPort(
		"emulator", "--project="+f.topic.Project, "--create="+f.topic.ID+":"+f.subscription.ID,
		"--monitoring-speed="+strconv.FormatFloat(float64(pace), 'g', -1, 64), "--regions="+homeRegion+","+otherRegion,
	)}
}

func exporterProgram(path string, f flow, pace Pace, emulator, workers string) program {
	return program{name: "exporter", path: path, patience: patience, args: anyPort(
		"--subscription="+f.subscription.String(), "--monitoring-endpoint="+emulator, "--poll-interval="+pace.Wall(pollInterval).String(),
		"--fresh-for="+pace.Wall(freshFor).String(), "--hold-for="+pace.Wall(holdFor).String(),
		"--workers-file="+workers,
	)}
}

func workerProgram(path, name string, f flow, pace Pace, emulator, target string) program {
	return program{
		name: name, path: path, patience: patience, env: []string{load.EmulatorVariable + "=" + emulator},
		args: anyPort(
			"--subscription="+f.subscription.String(), "--target="+target, "--concurrency="+strconv.Itoa(concurrency),
			"--drain-limit="+drainLimit.String(), "--lease-extension="+max(leastLease, pace.Wall(leaseExtension)).String(),
		),
	}
}
