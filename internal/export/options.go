package export

import (
	"os"
	"time"

	"github.com/spf13/pflag"

	"spillway/internal/backlog"
	"spillway/internal/logging"
)

// The words of --backlog-metric.
const (
	globalBacklog   = "global"
	regionalBacklog = "regional"
)

// Options is everything that a user can set.
type Options struct {
	// Subscriptions are full names, or short IDs that belong to Project.
	Subscriptions []string
	// Project is that of short IDs, and of autoscalers' selectors that name none; see project for those.
	Project string
	// Discover are projects all of whose subscriptions are watched, as far as Include and Exclude let them: patterns of short
	// IDs with * ? and [a-z]. Without Include all are let in.
	Discover, Include, Exclude []string
	// Metrics are what is read of every subscription, by type, path or name.
	Metrics []string
	// BacklogMetric says where the backlog comes from: "global" or "regional".
	BacklogMetric string
	// Listen is the address of the HTTP server, and WebConfig a file of Prometheus' exporter-toolkit with its TLS and
	// passwords; empty means neither.
	Listen, WebConfig string
	// MonitoringEndpoint and PubsubEndpoint are the host:port of a local server, spoken to without TLS and authentication, or
	// https://host in place of Google's own; empty means Google's own. Without PubsubEndpoint a local MonitoringEndpoint
	// stands for both.
	MonitoringEndpoint, PubsubEndpoint string
	// Universe is the domain of a sovereign cloud; empty means that of the credentials.
	Universe string
	// PollInterval is the time from one poll to the next.
	PollInterval time.Duration
	// FreshFor is the age up to which a sample of the backlog is fresh: the age at which the next one is due, and one poll.
	// Hold is how long after that it was due a value is repeated.
	FreshFor, Hold time.Duration
	// IdleAsZero reports 0 for a subscription that exists and has had no sample for an hour.
	IdleAsZero bool
	// Cluster is how autoscalers and their cluster meet the exporter.
	Cluster ClusterOptions
	// Workers is who works on the subscriptions, Law how many of them a backlog is worth.
	Workers WorkerOptions
	Law     LawOptions
	Logging logging.Options
}

// DefaultOptions returns what holds unless a flag says otherwise. A sample is fresh for 4 minutes: 60 s between samples,
// up to 120 s until one is visible, 60 s between polls.
func DefaultOptions() Options {
	return Options{
		Project: os.Getenv("GOOGLE_CLOUD_PROJECT"), PubsubEndpoint: os.Getenv("PUBSUB_EMULATOR_HOST"), Listen: ":9090",
		Metrics: []string{
			backlog.NumUndeliveredMessages.Name(), backlog.OldestUnackedMessageAge.Name(), backlog.NumUnackedMessagesByRegion.Name(),
			backlog.AckMessageCount.Name(),
		},
		BacklogMetric: globalBacklog,
		PollInterval:  time.Minute, FreshFor: 4 * time.Minute, Hold: 5 * time.Minute,
		Cluster: defaultClusterOptions(), Workers: defaultWorkerOptions(), Law: defaultLawOptions(), Logging: logging.DefaultOptions(),
	}
}

// RegisterFlags binds every option to its flag.
func (o *Options) RegisterFlags(fs *pflag.FlagSet) {
	fs.StringArrayVar(&o.Subscriptions, "subscription", o.Subscriptions, "projects/P/subscriptions/S, or a short ID of --project; may be given several times")
	fs.StringVar(&o.Project, "project", o.Project, "project ID of the short subscription IDs, and of selectors that name none; $GOOGLE_CLOUD_PROJECT unless given, and for selectors that of all --subscription and --discover if it is one")
	fs.StringArrayVar(&o.Discover, "discover", o.Discover, "project all of whose subscriptions are watched; may be given several times")
	fs.StringArrayVar(&o.Include, "include", o.Include, "pattern of the subscriptions that --discover watches, such as orders-*; all unless given; may be given several times")
	fs.StringArrayVar(&o.Exclude, "exclude", o.Exclude, "pattern of the subscriptions that --discover leaves out; may be given several times")
	fs.StringSliceVar(&o.Metrics, "metrics", o.Metrics, "gauges and deltas to read of every subscription, such as backlog_bytes or topic/send_request_count")
	fs.StringVar(&o.BacklogMetric, "backlog-metric", o.BacklogMetric,
		"where the backlog comes from: global (num_undelivered_messages) or regional (the sum of num_unacked_messages_by_region, known in a region's outage to be incomplete)")
	fs.StringVar(&o.Listen, "listen", o.Listen, "address to serve /metrics and health at")
	fs.StringVar(&o.WebConfig, "web.config.file", o.WebConfig, "file with TLS and basic authentication for --listen, in the form of Prometheus' exporter-toolkit")
	fs.StringVar(&o.MonitoringEndpoint, "monitoring-endpoint", o.MonitoringEndpoint,
		"host:port of a local monitoring server, without TLS and authentication, or https://host in place of Cloud Monitoring's; Cloud Monitoring with Application Default Credentials unless given")
	fs.StringVar(&o.PubsubEndpoint, "pubsub-endpoint", o.PubsubEndpoint,
		"likewise for Pub/Sub's list of subscriptions; $PUBSUB_EMULATOR_HOST unless given, or else a local --monitoring-endpoint")
	fs.StringVar(&o.Universe, "universe-domain", o.Universe, "domain of a sovereign cloud; that of the credentials unless given")
	fs.DurationVar(&o.PollInterval, "poll-interval", o.PollInterval, "time from one poll to the next")
	fs.DurationVar(&o.FreshFor, "fresh-for", o.FreshFor, "age up to which a sample is fresh: when the next one is due, and one poll; metrics that are visible later get more")
	fs.DurationVar(&o.Hold, "hold", o.Hold, "how long after the next sample was due the last one is repeated; then its series vanish")
	fs.DurationVar(&o.Hold, "hold-for", o.Hold, "another name of --hold")
	_ = fs.MarkHidden("hold-for") // it was registered just now
	fs.BoolVar(&o.IdleAsZero, "idle-as-zero", o.IdleAsZero, "report 0 for a subscription that exists and has had no sample for an hour")
	o.Workers.registerFlags(fs)
	o.Law.registerFlags(fs)
	o.Cluster.registerFlags(fs)
	o.Logging.RegisterFlags(fs)
}

// normal is the age at which the next sample of the backlog is due.
const normal = backlog.SamplePeriod + visible

// due is normal, unless a local server runs faster than life: --fresh-for tells how fast.
func (o *Options) due() time.Duration {
	if local(o.MonitoringEndpoint) {
		return o.FreshFor - o.PollInterval
	}
	return normal
}

// scale returns a time of real life at the speed of due.
func (o *Options) scale(d time.Duration) time.Duration {
	return time.Duration(float64(d) * float64(o.due()) / float64(normal))
}

// speed is how many times as fast as life a local server runs; never slower.
func (o *Options) speed() float64 { return max(1, float64(normal)/float64(o.due())) }

// visible is how long after its instant a sample of the backlog may be invisible.
const visible = 2 * time.Minute

// memory is how long a region is missed after its last sample, and how long an idle subscription must have been silent.
const memory = time.Hour

// times returns the bounds of a metric's ages.
func (o *Options) times(d backlog.Definition) times {
	due := o.scale(d.Due())
	t := times{due: due, memory: max(o.scale(memory), due+o.Hold)}
	t.limits.Fresh = o.FreshFor + due - o.due()
	t.limits.Hold = max(0, due+o.Hold-t.limits.Fresh)
	t.window = t.limits.Fresh + o.PollInterval
	t.first = t.limits.Fresh + t.limits.Hold
	if d.Kind == backlog.Delta {
		t.window = t.first // a late interval is still counted
	} else if d.Metric.ByRegion() || o.IdleAsZero {
		t.first = t.memory
	}
	return t
}

// limits returns the ages at which readings of the backlog change their state.
func (o *Options) limits() backlog.Limits { return o.times(o.backlog()).limits }

// backlog returns the metric that the backlog comes from.
func (o *Options) backlog() backlog.Definition {
	metric := backlog.NumUndeliveredMessages
	if o.BacklogMetric == regionalBacklog {
		metric = backlog.NumUnackedMessagesByRegion
	}
	d, _ := backlog.Describe(string(metric)) // it is in the catalogue
	return d
}
