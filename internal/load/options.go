package load

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"spillway/internal/backlog"
	"spillway/internal/config"
)

// MaxSize is the largest message that Pub/Sub takes, in bytes.
const MaxSize = 10_000_000

// The service's limits of a message's attributes; lengths are in bytes.
const (
	maxAttributes     = 100
	maxAttributeName  = 256
	maxAttributeValue = 1024
)

// maxRate keeps a slip of the finger from asking for more than any topic takes.
const maxRate = 10_000_000

// Options says what to publish, where and how fast.
type Options struct {
	// Topic is projects/P/topics/T, or a short ID that belongs to Project.
	Topic   string
	Project string
	// Rate is in messages per second and Burst in messages; one of the two is above 0.
	Rate  float64
	Burst int64
	// For ends a rate; 0 means until the run is interrupted.
	For time.Duration
	// Size is the payload of each message in bytes, and Attributes are set on each.
	Size       int
	Attributes map[string]string
	// Emulator is the host:port of an emulator; empty means Pub/Sub itself.
	Emulator string
}

// DefaultOptions returns small messages for the project and emulator that the environment names.
func DefaultOptions() Options {
	return Options{Size: 256, Project: os.Getenv("GOOGLE_CLOUD_PROJECT"), Emulator: os.Getenv(EmulatorVariable)}
}

// RegisterFlags binds the options to their flags.
func (o *Options) RegisterFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Topic, "topic", o.Topic, "topic to publish to: projects/P/topics/T, or a short ID with --project")
	fs.StringVar(&o.Project, "project", o.Project, "project of a short topic ID (default $GOOGLE_CLOUD_PROJECT)")
	fs.Float64Var(&o.Rate, "rate", o.Rate, "messages per second")
	fs.Int64Var(&o.Burst, "burst", o.Burst, "number of messages to publish at once, as fast as the server takes them")
	fs.DurationVar(&o.For, "for", o.For, "time for which --rate lasts, such as 30s; 0 means until Ctrl-C")
	fs.IntVar(&o.Size, "size", o.Size, "payload of each message in bytes")
	fs.StringToStringVar(&o.Attributes, "attribute", o.Attributes, "attribute of each message as `name=value`; repeatable")
}

// Validate returns every fault at once.
func (o *Options) Validate() error {
	var errs config.Errors
	if o.Topic == "" {
		errs.Add("--topic", "", "is required", "give projects/P/topics/T, or a short ID with --project")
	} else if _, err := backlog.ParseTopic(o.Topic, o.Project); err != nil {
		errs.Add("--topic", o.Topic, err.Error(), "give projects/P/topics/T, or a short ID with --project")
	}
	o.validatePace(&errs)
	errs.Check(o.Size >= 0 && o.Size <= MaxSize, "--size", o.Size, "is not a size that Pub/Sub takes", fmt.Sprintf("give 0 to %d bytes", MaxSize))
	o.validateAttributes(&errs)
	if len(o.Attributes) == 0 && o.Size == 0 {
		errs.Add("--size", "0", "leaves the message empty, which Pub/Sub refuses", "give at least 1 byte or an --attribute")
	}
	return errs.Err()
}

// validateAttributes holds the attributes against the service's limits, https://cloud.google.com/pubsub/quotas#resource_limits.
func (o *Options) validateAttributes(errs *config.Errors) {
	if n := len(o.Attributes); n > maxAttributes {
		errs.Add("--attribute", "", fmt.Sprintf("is given %d times", n), fmt.Sprintf("give at most %d", maxAttributes))
	}
	for _, name := range slices.Sorted(maps.Keys(o.Attributes)) {
		errs.Check(name != "" && len(name) <= maxAttributeName, "--attribute", name, "is not a name that Pub/Sub takes", fmt.Sprintf("give 1 to %d bytes before the =", maxAttributeName))
		errs.Check(!strings.HasPrefix(name, "goog"), "--attribute", name, "starts with goog, which is reserved", "give another name")
		errs.Check(len(o.Attributes[name]) <= maxAttributeValue, "--attribute", name, "has a value that is too long", fmt.Sprintf("give at most %d bytes after the =", maxAttributeValue))
	}
}

func (o *Options) validatePace(errs *config.Errors) {
	// NaN fails every comparison, so the condition says what holds and not what does not.
	errs.Check(o.Rate >= 0 && o.Rate <= maxRate, "--rate", o.Rate, "is not a rate", fmt.Sprintf("give up to %d messages per second", maxRate))
	errs.Check(o.Burst >= 0, "--burst", o.Burst, "is not a number of messages", "give at least 1")
	errs.Check(o.For >= 0, "--for", o.For, "is negative", "give a time such as 30s, or 0 for no end")
	switch {
	case o.Rate != 0 && o.Burst != 0:
		errs.Add("--rate", "", "excludes --burst", "give one of the two")
	case o.Rate == 0 && o.Burst == 0:
		errs.Add("--rate", "", "or --burst is required", "give messages per second or a number of messages")
	case o.Burst != 0 && o.For != 0:
		errs.Add("--for", o.For.String(), "has no meaning with --burst", "leave it out or give --rate")
	}
}

// schedule is the pace that the options ask for.
func (o *Options) schedule() Schedule {
	if o.Burst > 0 {
		return Burst(o.Burst)
	}
	return Rate(o.Rate, o.For)
}
