package consume

import (
	"os"
	"time"

	"github.com/spf13/pflag"

	"spillway/internal/config"
	"spillway/internal/logging"
)

// Options configures the worker. DefaultOptions gives what is shipped.
type Options struct {
	// Project is that of short IDs.
	Project string
	FlowOptions
	// DrainLimit bounds the time after SIGTERM in which received messages are still worked off.
	DrainLimit time.Duration
	Listen     string
	Logging    logging.Options
}

// DefaultOptions returns the shipped defaults. The project comes from the environment where the platform sets it.
func DefaultOptions() Options {
	return Options{
		Project: os.Getenv("GOOGLE_CLOUD_PROJECT"), FlowOptions: defaultFlow(), DrainLimit: 30 * time.Second, Listen: ":8080",
		Logging: logging.DefaultOptions(),
	}
}

// RegisterFlags binds the options to fs, whose defaults are the current values.
func (o *Options) RegisterFlags(fs *pflag.FlagSet) {
	o.registerFlags(fs)
	fs.StringVar(&o.Project, "project", o.Project, "project of short IDs (default $GOOGLE_CLOUD_PROJECT)")
	fs.DurationVar(&o.DrainLimit, "drain-limit", o.DrainLimit, "after SIGTERM: how long received messages are worked off before the rest is nacked")
	fs.StringVar(&o.Listen, "listen", o.Listen, "address of health, metrics and the request path")
	o.Logging.RegisterFlags(fs)
}

// Validate returns every fault of the options at once, each a config.Error.
func (o *Options) Validate() error {
	var errs config.Errors
	o.validate(o.Project, &errs)
	errs.Check(o.DrainLimit >= 0 && o.DrainLimit <= time.Hour, "--drain-limit", o.DrainLimit, "is out of range", "give 0s to 1h, such as 30s")
	errs.CheckAddress("--listen", o.Listen, "give host:port or :port")
	o.Logging.Validate(&errs)
	return errs.Err()
}
