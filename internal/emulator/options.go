package emulator

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"spillway/internal/backlog"
	"spillway/internal/config"
	"spillway/internal/emulator/fault"
	"spillway/internal/emulator/monitoring"
)

// Options say what an emulator serves and where.
type Options struct {
	// Listen is the address of the one port; port 0 takes a free one.
	Listen string
	// Project owns the topics and subscriptions that Create names by short IDs; it may be empty when all names are full.
	Project string
	// Create names topics to make at start, each with subscriptions: "topic", "topic:sub" or "topic:sub,sub"; short IDs or
	// full names.
	Create []string
	// SamplePeriod is the time between Cloud Monitoring's samples.
	SamplePeriod time.Duration
	// VisibilityDelay is the time until a sample can be read; 0 is the documented delay of each metric, and
	// monitoring.NoDelay none.
	VisibilityDelay time.Duration
	// Speed divides every period and delay of Cloud Monitoring; above 0.
	Speed float64
	// Regions are what by-region metrics are split over; none means one.
	Regions []string
	// Metrics overrides Cloud Monitoring's timing for single metrics: "num_undelivered_messages=30s/90s" is sampled every 30 s
	// and visible after 90 s. Either may be left out.
	Metrics []string
	// MaxResponseMessages is how many messages one StreamingPull response holds at most, 1 to 1000: 1 shows what a consumer
	// does when messages come one by one, as they do on a quiet subscription.
	MaxResponseMessages int
	// PubsubFaults are faults of Pub/Sub from the start, as fault.Parse reads them.
	PubsubFaults []string
	// MonitoringFaults are faults of Cloud Monitoring from the start, as monitoring.ParseFault reads them.
	MonitoringFaults []string
	// TuneMemory lets the emulator set the process's garbage collector while it runs, so that memory follows the backlog.
	TuneMemory bool
	// Seed makes injected faults repeatable.
	Seed uint64
}

// DefaultOptions listens on Pub/Sub's customary emulator port and samples as the service does.
func DefaultOptions() Options {
	return Options{
		Listen: "127.0.0.1:8085", Project: "demo", SamplePeriod: monitoring.DefaultSamplePeriod, Speed: 1, Seed: 1,
		TuneMemory: true, MaxResponseMessages: 500,
	}
}

// RegisterFlags binds the options to their flags.
func (o *Options) RegisterFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Listen, "listen", o.Listen, "address to serve on; port 0 takes a free one")
	fs.StringVar(&o.Project, "project", o.Project, "project of the short IDs given to --create")
	fs.StringArrayVar(&o.Create, "create", o.Create, "topic to make at start, with subscriptions: topic:sub,sub (repeatable)")
	fs.DurationVar(&o.SamplePeriod, "sample-period", o.SamplePeriod, "time between Cloud Monitoring's samples")
	fs.DurationVar(&o.VisibilityDelay, "visibility-delay", o.VisibilityDelay,
		"time until a sample can be read; 0 is each metric's documented delay, -1ns none")
	fs.Float64Var(&o.Speed, "monitoring-speed", o.Speed, "divides Cloud Monitoring's periods and delays")
	fs.StringSliceVar(&o.Regions, "regions", o.Regions, "regions that by-region metrics are split over")
	fs.StringArrayVar(&o.Metrics, "metric", o.Metrics,
		"timing of one metric: num_undelivered_messages=30s/90s is sampled every 30 s and visible after 90 s (repeatable)")
	fs.IntVar(&o.MaxResponseMessages, "max-response-messages", o.MaxResponseMessages,
		"messages in one StreamingPull response at most; 1 hands them out one by one")
	fs.StringArrayVar(&o.PubsubFaults, "fault", o.PubsubFaults,
		"fault of Pub/Sub from the start, for example lost,method=Acknowledge,share=0.1 (repeatable)")
	fs.StringArrayVar(&o.MonitoringFaults, "monitoring-fault", o.MonitoringFaults,
		"fault of Cloud Monitoring from the start, for example gap,after=1m,for=5m (repeatable)")
	fs.Uint64Var(&o.Seed, "seed", o.Seed, "makes injected faults repeatable")
}

// Validate reports everything that is wrong with the options, each fault a config.Error.
func (o *Options) Validate() error {
	var errs config.Errors
	errs.CheckAddress("--listen", o.Listen, "give host:port or :port")
	errs.Check(o.MaxResponseMessages >= 1 && o.MaxResponseMessages <= maxPull, "--max-response-messages", o.MaxResponseMessages,
		"is out of range", "give 1 to 1000")
	o.validateCreate(&errs)
	o.validateMonitoring(&errs)
	for _, text := range o.PubsubFaults {
		if _, err := fault.Parse(text); err != nil {
			errs.Add("--fault", text, err.Error(), "")
		}
	}
	for _, text := range o.MonitoringFaults {
		if _, err := monitoring.ParseFault(text); err != nil {
			errs.Add("--monitoring-fault", text, err.Error(), "")
		}
	}
	return errs.Err()
}

func (o *Options) validateCreate(errs *config.Errors) {
	project := o.Project
	if _, err := backlog.ParseTopic("any", project); err != nil && project != "" {
		errs.Add("--project", project, "is not lower-case letters, digits and hyphens", "give a project's ID, such as demo")
		project = DefaultOptions().Project // the names are not to blame
	}
	made := map[backlog.Subscription]bool{}
	for _, text := range o.Create {
		c, err := parseCreate(text, project)
		if err != nil {
			errs.Add("--create", text, err.Error(), "give topic, topic:subscription or topic:subscription,subscription")
		}
		for _, sub := range c.subscriptions {
			errs.Check(!made[sub], "--create", text, "names "+sub.String()+" again", "name each subscription once")
			made[sub] = true
		}
	}
}

// validateMonitoring checks each flag by itself, so that the one at fault is named.
func (o *Options) validateMonitoring(errs *config.Errors) {
	check := func(key string, value any, opts monitoring.Options, cure string) {
		if err := opts.Validate(); err != nil {
			errs.Add(key, fmt.Sprint(value), strings.ReplaceAll(err.Error(), "\n", ", "), cure)
		}
	}
	// 0 is the default of the package monitoring, where it is not a flag's value.
	errs.Check(o.SamplePeriod != 0, "--sample-period", o.SamplePeriod, "is not above 0", "give one such as 1m")
	errs.Check(o.Speed != 0, "--monitoring-speed", o.Speed, "is not above 0", "give one such as 10")
	check("--sample-period", o.SamplePeriod, monitoring.Options{SamplePeriod: o.SamplePeriod}, "give one such as 1m")
	check("--visibility-delay", o.VisibilityDelay, monitoring.Options{VisibilityDelay: o.VisibilityDelay}, "give one such as 2m")
	check("--monitoring-speed", o.Speed, monitoring.Options{Speed: o.Speed}, "give one such as 10")
	check("--regions", strings.Join(o.Regions, ","), monitoring.Options{Regions: o.Regions}, "give names such as europe-west1,europe-west3")
	for _, text := range o.Metrics {
		const cure = "give metric=period/delay, for example num_undelivered_messages=30s/90s"
		name, timing, err := parseMetric(text)
		if err != nil {
			errs.Add("--metric", text, err.Error(), cure)
			continue
		}
		check("--metric", text, monitoring.Options{Metrics: map[string]monitoring.Timing{name: timing}}, cure)
	}
}

// faults are the faults of Pub/Sub; Validate has reported those that cannot be read.
func (o *Options) faults() []fault.Fault {
	var list []fault.Fault
	for _, text := range o.PubsubFaults {
		if f, err := fault.Parse(text); err == nil {
			list = append(list, f)
		}
	}
	return list
}

// monitoring are Cloud Monitoring's options; Validate has reported metrics that cannot be read.
func (o *Options) monitoring() monitoring.Options {
	timings := map[string]monitoring.Timing{}
	for _, text := range o.Metrics {
		if name, timing, err := parseMetric(text); err == nil {
			timings[name] = timing
		}
	}
	return monitoring.Options{
		SamplePeriod: o.SamplePeriod, VisibilityDelay: o.VisibilityDelay, Speed: o.Speed, Regions: o.Regions,
		Metrics: timings, Seed: o.Seed,
	}
}

func parseMetric(text string) (name string, timing monitoring.Timing, err error) {
	name, times, _ := strings.Cut(text, "=")
	period, delay, _ := strings.Cut(times, "/")
	if name == "" || period == "" && delay == "" {
		return "", timing, errors.New("is not metric=period/delay")
	}
	if period != "" {
		timing.SamplePeriod, err = time.ParseDuration(period)
	}
	if delay != "" && err == nil {
		timing.VisibilityDelay, err = time.ParseDuration(delay)
	}
	return name, timing, err
}
