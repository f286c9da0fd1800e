package doctor

import (
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"spillway/internal/backlog"
	"spillway/internal/config"
)

// The forms of the report.
const (
	outputText = "text"
	outputJSON = "json"
)

// Options is everything that a user can set.
type Options struct {
	// Target is hpa/NAME, a subscription, or empty for the only autoscaler of the namespace that asks for a backlog.
	Target string
	// Kubeconfig, Context and Namespace choose the cluster and where in it, as kubectl does; empty means kubectl's defaults.
	Kubeconfig, Context, Namespace string
	// Project is whose the short subscription IDs are.
	Project string
	// Exporter is the exporter's URL; empty means that its Service is looked for in the cluster.
	Exporter string
	// MonitoringEndpoint and PubsubEndpoint are the host:port of a local server, or https://host in place of Google's own;
	// empty means Google's own. One local server stands for both.
	MonitoringEndpoint, PubsubEndpoint string
	// Universe is the domain of a sovereign cloud; empty means that of the credentials.
	Universe string
	// FreshFor is the age up to which a sample is as young as is normal.
	FreshFor time.Duration
	// Timeout bounds each link.
	Timeout time.Duration
	// Output is the form of the report: text or json.
	Output string
}

// DefaultOptions returns what holds unless a flag says otherwise.
func DefaultOptions() Options {
	return Options{
		Project: os.Getenv("GOOGLE_CLOUD_PROJECT"), PubsubEndpoint: os.Getenv("PUBSUB_EMULATOR_HOST"),
		FreshFor: 4 * time.Minute, Timeout: 10 * time.Second, Output: outputText,
	}
}

// RegisterFlags binds every option but the target to its flag.
func (o *Options) RegisterFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "file that names the cluster; as kubectl finds it unless given")
	fs.StringVar(&o.Context, "context", o.Context, "context of that file; its current one unless given")
	fs.StringVarP(&o.Namespace, "namespace", "n", o.Namespace, "namespace of the autoscaler; the context's unless given")
	fs.StringVar(&o.Project, "project", o.Project, "project ID of the short subscription IDs; $GOOGLE_CLOUD_PROJECT unless given")
	fs.StringVar(&o.Exporter, "exporter", o.Exporter, "URL of the exporter, such as http://127.0.0.1:9090; found through its Service in the cluster unless given")
	fs.StringVar(&o.MonitoringEndpoint, "monitoring-endpoint", o.MonitoringEndpoint,
		"host:port of a local monitoring server, or https://host in place of Cloud Monitoring's; the emulator if there is one, or else Cloud Monitoring unless given")
	fs.StringVar(&o.PubsubEndpoint, "pubsub-endpoint", o.PubsubEndpoint,
		"likewise for Pub/Sub; $PUBSUB_EMULATOR_HOST unless given, or else a local --monitoring-endpoint")
	fs.StringVar(&o.Universe, "universe-domain", o.Universe, "domain of a sovereign cloud; that of the credentials unless given")
	fs.DurationVar(&o.FreshFor, "fresh-for", o.FreshFor, "age up to which a sample is as young as is normal")
	fs.DurationVar(&o.Timeout, "timeout", o.Timeout, "bound on the time that each link takes")
	fs.StringVarP(&o.Output, "output", "o", o.Output, "form of the report: text or json")
}

// dnsName is what Kubernetes allows as the name of an autoscaler or, without dots, of a namespace.
var dnsName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)

// Validate reports everything that is wrong with the options, each fault a config.Error.
func (o *Options) Validate() error {
	var errs config.Errors
	errs.Check(o.Output == outputText || o.Output == outputJSON, "--output", o.Output, "is not a form", "give text or json")
	errs.Check(o.FreshFor > 0, "--fresh-for", o.FreshFor, "is not above 0", "give one such as 4m")
	errs.Check(o.Timeout > 0, "--timeout", o.Timeout, "is not above 0", "give one such as 10s")
	if o.Namespace != "" {
		errs.Check(dnsName.MatchString(o.Namespace), "--namespace", o.Namespace, "is not the name of a namespace", "give one as kubectl get namespaces shows them")
	}
	errs.CheckDomain("--universe-domain", o.Universe)
	o.validateEndpoints(&errs)
	if name, is := o.autoscaler(); is && o.Target != "" {
		errs.Check(dnsName.MatchString(name), "doctor", o.Target, "does not name an autoscaler", "give hpa/NAME")
	}
	if _, is := o.autoscaler(); !is {
		_, err := backlog.ParseSubscription(o.Target, o.Project)
		if err != nil {
			errs.Add("doctor", o.Target, err.Error(), "give hpa/NAME, projects/P/subscriptions/S, or a short ID with --project")
		}
	}
	return errs.Err()
}

func (o *Options) validateEndpoints(errs *config.Errors) {
	for _, flag := range [][2]string{{"--monitoring-endpoint", o.MonitoringEndpoint}, {"--pubsub-endpoint", o.PubsubEndpoint}} {
		if endpoint := flag[1]; endpoint != "" && !strings.HasPrefix(endpoint, "https://") {
			errs.CheckAddress(flag[0], endpoint, "give host:port or https://host")
		}
	}
	if o.Exporter != "" {
		u, err := url.Parse(o.Exporter)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			errs.Add("--exporter", "", "is not a URL", "give one such as http://127.0.0.1:9090") // it may hold a password, so it is not repeated
		}
	}
}

// autoscaler returns the name of the autoscaler that the target means, empty for the only one; ok is false when it means a
// subscription.
func (o *Options) autoscaler() (name string, ok bool) {
	if o.Target == "" {
		return "", true
	}
	for _, kind := range []string{"hpa/", "horizontalpodautoscaler/", "horizontalpodautoscalers/"} {
		if name, ok := strings.CutPrefix(o.Target, kind); ok {
			return name, true
		}
	}
	return "", false
}

// endpoints returns where Pub/Sub and Cloud Monitoring are. One local server stands for both.
func (o *Options) endpoints() (pubsub, monitoring string) {
	pubsub, monitoring = o.PubsubEndpoint, o.MonitoringEndpoint
	if pubsub == "" && local(monitoring) {
		pubsub = monitoring
	}
	if monitoring == "" && local(pubsub) {
		monitoring = pubsub
	}
	return pubsub, monitoring
}

func local(endpoint string) bool { return endpoint != "" && !strings.HasPrefix(endpoint, "https://") }
