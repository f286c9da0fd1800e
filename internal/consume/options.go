package consume

import (
	"os"
	"time"

	"github.com/spf13/pflag"

	"spillway/internal/config"
	"spillway/internal/idtoken"
	"spillway/internal/logging"
	"spillway/internal/tracing"
)

// Options configures the worker. DefaultOptions gives what is shipped; RegisterFlags, Load and Validate follow in this order.
type Options struct {
	// Project is that of short IDs.
	Project string
	// FlowOptions is the one flow, unless there are Flows.
	FlowOptions
	// Config is a YAML file that several flows are read from, by Load.
	Config string
	// Flows are several flows.
	Flows []FlowOptions
	// DrainLimit bounds the time after SIGTERM in which received messages are still worked off. All flows drain at once.
	DrainLimit time.Duration
	Listen     string
	// AdminListen serves pprof; empty for none.
	AdminListen string
	// PushKeys is the file or URL that the keys of push tokens come from.
	PushKeys string
	// TuneMemory lets the worker set the process's memory limit from its container's while it runs, unless GOMEMLIMIT is set.
	TuneMemory bool
	Logging    logging.Options

	source *source // where the values are from, if there is a file
}

// DefaultOptions returns the shipped defaults. The project comes from the environment where the platform sets it.
func DefaultOptions() Options {
	return Options{
		Project: os.Getenv(projectVariable), FlowOptions: defaultFlow(), DrainLimit: 30 * time.Second, Listen: ":8080",
		PushKeys: idtoken.GoogleKeys, TuneMemory: true, Logging: logging.DefaultOptions(),
	}
}

// projectVariable is what Google's platforms set.
const projectVariable = "GOOGLE_CLOUD_PROJECT"

// RegisterFlags binds the options to fs, whose defaults are the current values.
func (o *Options) RegisterFlags(fs *pflag.FlagSet) {
	o.registerName(fs)
	o.registerFlags(fs)
	fs.StringVar(&o.Config, "config", o.Config, "YAML file with several flows; its keys are these flags, docs/worker.md has an example")
	o.registerProcess(fs)
}

// registerProcess binds what holds for the whole worker.
func (o *Options) registerProcess(fs *pflag.FlagSet) {
	fs.StringVar(&o.Project, "project", o.Project, "project of short IDs (default $GOOGLE_CLOUD_PROJECT)")
	fs.DurationVar(&o.DrainLimit, "drain-limit", o.DrainLimit, "after SIGTERM: how long received messages are worked off before the rest is nacked")
	fs.StringVar(&o.Listen, "listen", o.Listen, "address of health, metrics and the request path")
	fs.StringVar(&o.AdminListen, "admin-listen", o.AdminListen, "address of pprof; :port is on loopback alone (default: none)")
	fs.StringVar(&o.PushKeys, "push-keys", o.PushKeys, "file or URL of the keys that sign push tokens")
	o.Logging.RegisterFlags(fs)
}

// Validate returns every fault of the options at once, each a config.Error.
func (o *Options) Validate() error {
	var process config.Errors
	o.validateProcess(&process)
	flows := o.flows()
	all := o.source.newReport()
	for i := range flows {
		var own config.Errors
		flows[i].validate(o.Project, &own)
		all.add(&own, i)
	}
	o.validatePush(flows, &process)
	all.add(&process, top)
	tracing.Validate(&all.errs)
	o.unique(flows, &all.errs)
	return all.errs.Err()
}

// validateProcess checks what does not hang on the flows.
func (o *Options) validateProcess(errs *config.Errors) {
	errs.Check(o.DrainLimit >= 0 && o.DrainLimit <= time.Hour, "--drain-limit", o.DrainLimit, "is out of range", "give 0s to 1h, such as 30s")
	errs.CheckAddress("--listen", o.Listen, "give host:port or :port")
	if o.AdminListen != "" {
		errs.CheckAddress("--admin-listen", o.AdminListen, "give host:port, or :port for loopback")
	}
	o.Logging.Validate(errs)
}

// validatePush checks the keys of push tokens. Where no flow wants tokens, nothing but the default may be given.
func (o *Options) validatePush(flows []FlowOptions, errs *config.Errors) {
	pushed, checked := false, false
	for i := range flows {
		pushed = pushed || flows[i].pushed()
		checked = checked || flows[i].pushed() && flows[i].PushAudience != ""
	}
	const cure = "give a file or URL with a JSON Web Key Set, or with certificates by key ID"
	switch {
	case o.PushKeys == "":
		errs.Add("--push-keys", "", "is empty", cure)
	case checked:
		if err := idtoken.CheckSource(o.PushKeys); err != nil {
			errs.Add("--push-keys", config.RedactURL(o.PushKeys), err.Error(), cure)
		}
	case o.PushKeys == idtoken.GoogleKeys:
	case pushed:
		errs.Add("--push-keys", config.RedactURL(o.PushKeys), "goes with --push-audience only", "add it or leave this out")
	default:
		errs.Add("--push-keys", config.RedactURL(o.PushKeys), onlyWithPushes, "add it or leave this out")
	}
}

// flows returns the flows, one or several.
func (o *Options) flows() []FlowOptions {
	if len(o.Flows) > 0 || o.source != nil {
		return o.Flows
	}
	return []FlowOptions{o.FlowOptions}
}

// unique notes flows that share a name or a subscription. The metrics know a subscription by its ID alone, so two of one ID in
// different projects cannot share a worker.
func (o *Options) unique(flows []FlowOptions, errs *config.Errors) {
	names, ids := map[string]bool{}, map[string]bool{}
	for i := range flows {
		sub := flows[i].subscription(o.Project, &config.Errors{})
		if sub.ID == "" {
			continue
		}
		name := flows[i].name(sub)
		switch {
		case ids[sub.ID]:
			errs.Add(o.source.key(i, "subscription"), flows[i].Subscription, "is another flow's already", "leave one out; subscriptions of one ID in two projects go into two workers")
		case names[name]:
			errs.Add(o.source.key(i, "name"), name, "is another flow's already", "give each flow a name of its own")
		}
		names[name], ids[sub.ID] = true, true
	}
}
