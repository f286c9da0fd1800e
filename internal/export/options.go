package export

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"spillway/internal/backlog"
	"spillway/internal/config"
	"spillway/internal/logging"
)

// The bounds of the times. Cloud Monitoring takes a sample every 60 s and charges for every series that is read; a
// local server may run faster than life.
const (
	minPollInterval      = 10 * time.Second
	minLocalPollInterval = 100 * time.Millisecond
	maxBelief            = time.Hour
)

// Options is everything that a user can set.
type Options struct {
	// Subscriptions are full names, or short IDs that belong to Project.
	Subscriptions []string
	Project       string
	// Listen is the address of the HTTP server.
	Listen string
	// MonitoringEndpoint is the host:port of a local server, spoken to without TLS and authentication; empty means Cloud
	// Monitoring with Application Default Credentials.
	MonitoringEndpoint string
	// PollInterval is the time from one poll to the next.
	PollInterval time.Duration
	// FreshFor is the age up to which a sample is fresh, HoldFor how much longer it is repeated.
	FreshFor, HoldFor time.Duration
	Logging           logging.Options
}

// DefaultOptions returns what holds unless a flag says otherwise. A sample is fresh for 4 minutes: 60 s between samples,
// up to 120 s until one is visible, 60 s between polls.
func DefaultOptions() Options {
	return Options{
		Project: os.Getenv("GOOGLE_CLOUD_PROJECT"), Listen: ":9090",
		PollInterval: time.Minute, FreshFor: 4 * time.Minute, HoldFor: 5 * time.Minute,
		Logging: logging.DefaultOptions(),
	}
}

// RegisterFlags binds every option to its flag.
func (o *Options) RegisterFlags(fs *pflag.FlagSet) {
	fs.StringArrayVar(&o.Subscriptions, "subscription", o.Subscriptions, "projects/P/subscriptions/S, or a short ID of --project; may be given several times")
	fs.StringVar(&o.Project, "project", o.Project, "project ID of the short subscription IDs; $GOOGLE_CLOUD_PROJECT unless given")
	fs.StringVar(&o.Listen, "listen", o.Listen, "address to serve /metrics and health at")
	fs.StringVar(&o.MonitoringEndpoint, "monitoring-endpoint", o.MonitoringEndpoint,
		"host:port of a local monitoring server, without TLS and authentication; Cloud Monitoring with Application Default Credentials unless given")
	fs.DurationVar(&o.PollInterval, "poll-interval", o.PollInterval, "time from one poll to the next")
	fs.DurationVar(&o.FreshFor, "fresh-for", o.FreshFor, "age up to which a sample is fresh")
	fs.DurationVar(&o.HoldFor, "hold-for", o.HoldFor, "how much longer a sample is repeated when nothing newer comes; then its series vanish")
	o.Logging.RegisterFlags(fs)
}

// Validate returns every fault at once.
func (o *Options) Validate() error {
	var errs config.Errors
	o.parseSubscriptions(&errs)
	errs.CheckAddress("--listen", o.Listen, "give host:port or :port")
	if o.MonitoringEndpoint != "" {
		errs.CheckAddress("--monitoring-endpoint", o.MonitoringEndpoint, "give host:port, without a scheme")
		if strings.HasPrefix(o.MonitoringEndpoint, ":") {
			errs.Add("--monitoring-endpoint", o.MonitoringEndpoint, "has no host", "give host:port")
		}
	}
	o.checkTimes(&errs)
	o.Logging.Validate(&errs)
	return errs.Err()
}

func (o *Options) checkTimes(errs *config.Errors) {
	least := minPollInterval
	if o.MonitoringEndpoint != "" {
		least = minLocalPollInterval
	}
	errs.Check(o.PollInterval >= least, "--poll-interval", o.PollInterval, "must be at least "+least.String(), "Cloud Monitoring has a new sample every 60s")
	errs.Check(o.FreshFor >= o.PollInterval, "--fresh-for", o.FreshFor, "must not be shorter than --poll-interval",
		"add up the time between samples, the time until one is visible and the time between polls")
	errs.Check(o.HoldFor >= 0, "--hold-for", o.HoldFor, "must not be negative", "give 0 to hold nothing")
	errs.Check(o.FreshFor <= maxBelief, "--fresh-for", o.FreshFor, "must be at most "+maxBelief.String(), "an older backlog says nothing about now")
	errs.Check(o.FreshFor > maxBelief || o.HoldFor <= maxBelief-o.FreshFor, "--hold-for", o.HoldFor, "makes more than "+maxBelief.String()+" together with --fresh-for",
		"an older backlog says nothing about now")
}

// parseSubscriptions returns the subscriptions in order and once each, and adds every fault to errs.
func (o *Options) parseSubscriptions(errs *config.Errors) []backlog.Subscription {
	if len(o.Subscriptions) == 0 {
		errs.Add("--subscription", "", "is required", "give projects/P/subscriptions/S at least once")
	}
	subs := make([]backlog.Subscription, 0, len(o.Subscriptions))
	for _, name := range o.Subscriptions {
		sub, err := backlog.ParseSubscription(name, o.Project)
		switch {
		case err != nil:
			errs.Add("--subscription", name, err.Error(), "give projects/P/subscriptions/S, or a short ID together with --project")
		case strings.Trim(sub.Project, "0123456789") == "":
			errs.Add("--subscription", name, fmt.Sprintf("the project %q is a number", sub.Project), "give the project's ID: Cloud Monitoring labels its series with that")
		default:
			subs = append(subs, sub)
		}
	}
	slices.SortFunc(subs, backlog.Subscription.Compare)
	return slices.Compact(subs)
}

// limits returns the ages at which readings change their state.
func (o *Options) limits() backlog.Limits {
	return backlog.Limits{Fresh: o.FreshFor, Hold: o.HoldFor}
}
