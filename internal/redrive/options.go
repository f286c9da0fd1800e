package redrive

import (
	"os"
	"time"

	"github.com/spf13/pflag"

	"spillway/internal/backlog"
	"spillway/internal/config"
)

// Options says what is moved where.
type Options struct {
	// Subscription holds the dead letters: projects/P/subscriptions/S, or a short ID in Project.
	Subscription string
	// Topic takes them: projects/P/topics/T, or a short ID in Project.
	Topic   string
	Project string
	// DryRun shows what would be moved, and gives everything back.
	DryRun bool
	// Limit is how many letters are moved at the most; 0 sets no limit.
	Limit int
	// Idle is how long nothing must have come before the subscription counts as empty.
	Idle time.Duration
}

// dryRunLimit is how many letters a dry run holds in its hands when no limit is given.
const dryRunLimit = 1000

// DefaultOptions returns the shipped defaults.
func DefaultOptions() Options {
	return Options{Project: os.Getenv("GOOGLE_CLOUD_PROJECT"), Idle: 5 * time.Second}
}

// RegisterFlags binds the options to fs, whose defaults are the current values.
func (o *Options) RegisterFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Subscription, "subscription", o.Subscription, "subscription of the dead-letter topic: projects/P/subscriptions/S, or a short ID with --project")
	fs.StringVar(&o.Topic, "topic", o.Topic, "topic that the letters are published to; all its subscriptions get them: projects/P/topics/T, or a short ID with --project")
	fs.StringVar(&o.Project, "project", o.Project, "project of short IDs (default $GOOGLE_CLOUD_PROJECT)")
	fs.BoolVar(&o.DryRun, "dry-run", o.DryRun, "show what would be moved and give it back, which counts as a delivery attempt of the dead-letter subscription")
	fs.IntVar(&o.Limit, "limit", o.Limit, "most letters to move; 0 sets no limit (a dry run then looks at 1000)")
	fs.DurationVar(&o.Idle, "idle", o.Idle, "how long nothing must have come before the subscription counts as empty")
}

// Validate returns every fault of the options at once, each a config.Error.
func (o *Options) Validate() error {
	_, err := o.parse()
	return err
}

// parsed is what the options name.
type parsed struct {
	subscription backlog.Subscription
	topic        backlog.Topic
}

// parse returns what the options name, or every fault at once.
func (o *Options) parse() (p parsed, err error) {
	var errs config.Errors
	const cureSubscription = "give projects/P/subscriptions/S, or a short ID with --project"
	if p.subscription, err = backlog.ParseSubscription(o.Subscription, o.Project); err != nil {
		errs.Add("--subscription", o.Subscription, problem(o.Subscription, err), cureSubscription)
	}
	if p.topic, err = backlog.ParseTopic(o.Topic, o.Project); err != nil {
		errs.Add("--topic", o.Topic, problem(o.Topic, err), "give projects/P/topics/T, or a short ID with --project")
	}
	errs.Check(o.Limit >= 0, "--limit", o.Limit, "is negative", "give 0 for no limit, or more")
	errs.Check(!o.DryRun || o.Limit <= 100_000, "--limit", o.Limit, "is more than a dry run may hold", "give 100000 or less")
	errs.Check(o.Idle >= time.Second && o.Idle <= time.Hour, "--idle", o.Idle, "is out of range", "give 1s to 1h, such as 5s")
	return p, errs.Err()
}

func problem(value string, err error) string {
	if value == "" {
		return "is required"
	}
	return err.Error()
}
