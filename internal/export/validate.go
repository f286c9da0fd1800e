package export

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/exporter-toolkit/web"

	"spillway/internal/backlog"
	"spillway/internal/config"
)

// The bounds of the times. Cloud Monitoring takes a sample every 60 s and charges for every series that is read; a
// local server may run faster than life.
const (
	minPollInterval      = 10 * time.Second
	minLocalPollInterval = 100 * time.Millisecond
	maxBelief            = time.Hour
)

// Validate returns every fault at once.
func (o *Options) Validate() error {
	var errs config.Errors
	if o.Project != "" && !isProject(o.Project) {
		errs.Add("--project", o.Project, "is not a project's ID", "give the ID, such as shop-production, here or in GOOGLE_CLOUD_PROJECT")
		rest := *o
		rest.Project = "any" // The short IDs are not to blame.
		o = &rest
	}
	o.parseSubscriptions(&errs)
	o.parseMetrics(&errs)
	o.checkDiscovery(&errs)
	errs.Check(slices.Contains([]string{globalBacklog, regionalBacklog}, o.BacklogMetric), "--backlog-metric", o.BacklogMetric,
		"is neither global nor regional", "give one of them")
	errs.CheckAddress("--listen", o.Listen, "give host:port or :port")
	checkEndpoint(&errs, "--monitoring-endpoint", o.MonitoringEndpoint)
	checkEndpoint(&errs, "--pubsub-endpoint", o.PubsubEndpoint)
	errs.CheckDomain("--universe-domain", o.Universe)
	o.checkWebConfig(&errs)
	o.checkTimes(&errs)
	o.Workers.validate(&errs, o.Project)
	errs.Check(o.Cluster.Kube || o.Workers.Port == "", "--worker-port", o.Workers.Port, "is looked for in no cluster", "give --kube too")
	o.Law.validate(&errs)
	o.Cluster.validate(&errs)
	o.Logging.Validate(&errs)
	return errs.Err()
}

// checkEndpoint takes host:port, https://host and https://host:port.
func checkEndpoint(errs *config.Errors, key, endpoint string) {
	host, remote := strings.CutPrefix(endpoint, "https://")
	switch {
	case endpoint == "":
	case remote:
		errs.Check(host != "" && !strings.ContainsAny(host, "/ @?#"), key, config.RedactURL(endpoint), "is not https://host", "give no path and no credentials")
	case strings.HasPrefix(endpoint, ":"):
		errs.Add(key, endpoint, "has no host", "give host:port")
	default:
		errs.CheckAddress(key, endpoint, "give host:port without a scheme for a local server, or https://host")
	}
}

// local reports whether an endpoint is a local server.
func local(endpoint string) bool { return endpoint != "" && !strings.HasPrefix(endpoint, "https://") }

// pubsubEndpoint returns where the list of subscriptions is.
func (o *Options) pubsubEndpoint() string {
	if o.PubsubEndpoint == "" && local(o.MonitoringEndpoint) {
		return o.MonitoringEndpoint
	}
	return o.PubsubEndpoint
}

func (o *Options) checkWebConfig(errs *config.Errors) {
	if o.WebConfig == "" {
		return
	}
	if _, err := os.Stat(o.WebConfig); err != nil {
		errs.Add("--web.config.file", o.WebConfig, "cannot be read", "give a file in the form of Prometheus' exporter-toolkit")
		return
	}
	if err := web.Validate(o.WebConfig); err != nil {
		errs.Add("--web.config.file", o.WebConfig, strings.Join(strings.Fields(err.Error()), " "), "give a file in the form of Prometheus' exporter-toolkit")
	}
}

func (o *Options) checkDiscovery(errs *config.Errors) {
	for _, project := range o.Discover {
		errs.Check(isProject(project), "--discover", project, "is not a project's ID", "give the ID, such as shop-production")
	}
	o.checkPatterns(errs, "--include", o.Include)
	o.checkPatterns(errs, "--exclude", o.Exclude)
}

func (o *Options) checkPatterns(errs *config.Errors, key string, patterns []string) {
	for _, pattern := range patterns {
		_, err := path.Match(pattern, "")
		errs.Check(err == nil && pattern != "", key, pattern, "is not a pattern", "write * for any letters, ? for one and [a-z] for one of some")
	}
	errs.Check(len(patterns) == 0 || len(o.Discover) > 0, key, strings.Join(patterns, " "), "chooses among nothing", "give --discover too")
}

func (o *Options) checkTimes(errs *config.Errors) {
	least := minPollInterval
	if local(o.MonitoringEndpoint) {
		least = minLocalPollInterval
	}
	errs.Check(o.PollInterval >= least, "--poll-interval", o.PollInterval, "must be at least "+least.String(), "Cloud Monitoring has a new sample every 60s")
	errs.Check(o.FreshFor >= o.PollInterval, "--fresh-for", o.FreshFor, "must not be shorter than --poll-interval",
		"add up the time between samples, the time until one is visible and the time between polls")
	errs.Check(o.FreshFor < o.PollInterval || o.FreshFor >= o.due()+o.PollInterval, "--fresh-for", o.FreshFor, "is less than a normal sample's age",
		"give at least "+(o.due()+o.PollInterval).String()+": 60s between samples, 120s until one is visible, and --poll-interval")
	errs.Check(o.Hold >= 0, "--hold", o.Hold, "must not be negative", "give 0 to hold nothing")
	errs.Check(o.FreshFor <= maxBelief, "--fresh-for", o.FreshFor, "must be at most "+maxBelief.String(), "an older backlog says nothing about now")
	errs.Check(o.FreshFor > maxBelief || o.Hold <= maxBelief-o.FreshFor, "--hold", o.Hold, "makes more than "+maxBelief.String()+" together with --fresh-for",
		"an older backlog says nothing about now")
}

// parseSubscriptions returns the subscriptions in order and once each, and adds every fault to errs.
func (o *Options) parseSubscriptions(errs *config.Errors) []backlog.Subscription {
	if len(o.Subscriptions)+len(o.Discover)+len(o.Workers.Workers) == 0 && o.Workers.File == "" && !o.Cluster.asksLater() {
		errs.Add("--subscription", "", "is required", "give projects/P/subscriptions/S at least once, or --discover PROJECT, or --worker, or --kube in a cluster")
	}
	subs := make([]backlog.Subscription, 0, len(o.Subscriptions))
	for _, name := range o.Subscriptions {
		sub, err := backlog.ParseSubscription(name, o.Project)
		switch {
		case err != nil:
			errs.Add("--subscription", name, err.Error(), "give projects/P/subscriptions/S, or a short ID together with --project")
		case numeric(sub.Project):
			errs.Add("--subscription", name, fmt.Sprintf("the project %q is a number", sub.Project), "give the project's ID: Cloud Monitoring labels its series with that")
		default:
			subs = append(subs, sub)
		}
	}
	slices.SortFunc(subs, backlog.Subscription.Compare)
	return slices.Compact(subs)
}

// project returns that of selectors that name none, as those for the Stackdriver adapter do: Project, or else the one that
// everything watched by name belongs to. Empty means that there is none.
func (o *Options) project() string {
	if o.Project != "" {
		return o.Project
	}
	projects := slices.Clone(o.Discover)
	for _, sub := range o.parseSubscriptions(&config.Errors{}) {
		projects = append(projects, sub.Project)
	}
	slices.Sort(projects)
	if projects = slices.Compact(projects); len(projects) != 1 {
		return ""
	}
	return projects[0]
}

// isProject reports whether a project has the form of an ID. A number names one too, but not in Cloud Monitoring's labels.
func isProject(project string) bool {
	_, err := backlog.ParseSubscription("any", project)
	return err == nil && !numeric(project)
}

func numeric(project string) bool { return strings.Trim(project, "0123456789") == "" }

// parseMetrics returns the metrics in the order given, once each, the backlog's among them, and adds every fault to errs.
func (o *Options) parseMetrics(errs *config.Errors) []backlog.Definition {
	metrics := []backlog.Definition{o.backlog()}
	for _, name := range o.Metrics {
		d, err := backlog.Describe(name)
		switch {
		case err != nil:
			errs.Add("--metrics", name, "is not a metric of Pub/Sub's subscriptions or topics", nearest(name))
		case d.Kind == backlog.Distribution:
			errs.Add("--metrics", name, "is a distribution", "give gauges and deltas: a histogram cannot be told from Monitoring's late points")
		case !slices.ContainsFunc(metrics, func(m backlog.Definition) bool { return m.Metric == d.Metric }):
			metrics = append(metrics, d)
		}
	}
	return metrics
}

// nearest says which metric may be meant.
func nearest(name string) string {
	var all []string
	for _, d := range backlog.Definitions() {
		all = append(all, d.Metric.Name(), d.Metric.Path())
	}
	if near, found := config.Nearest(name, all); found {
		return "did you mean " + near + "?"
	}
	return "see docs.cloud.google.com/monitoring/api/metrics_gcp_p_z"
}
