package tune

import (
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"spillway/internal/config"
	"spillway/internal/sim"
)

// The bounds that are taken where neither the flags nor an autoscaler says any: those of the shipped one.
const (
	usualMin = 2
	usualMax = 20
)

// mostPods bounds what is played: the time that it takes grows with the pods.
const mostPods = 10_000

// prometheusPoints is below the 11,000 that Prometheus answers a range query with at the most.
const prometheusPoints = 10_000

// Options says what flow to play. Zero means not given, unless said otherwise.
type Options struct {
	// Worker is the URL of a running worker that Capacity, in messages a second, is measured of for MeasureFor; Subscription names its flow.
	Worker       string
	MeasureFor   time.Duration
	Subscription string
	Capacity     float64
	// StartUp is the time until a new pod takes messages; below 0 when it was not given.
	StartUp time.Duration

	// Trace is a CSV file, Synthetic the name of a trace of package sim, Prometheus a URL or a file with an answer; one of them is given.
	Trace, Synthetic, Prometheus string
	// Query is asked of Prometheus for the time Last before Until, an RFC 3339 time; empty means now.
	Query string
	Last  time.Duration
	Until string

	// HPA is a file, Name an autoscaler of the cluster; at most one of them is given.
	HPA, Name                      string
	Kubeconfig, Context, Namespace string

	SLO time.Duration
	// Min and Max are the bounds; 0 means those of the autoscaler.
	Min, Max int32
	// Delay is Monitoring's; FullCPU the share of its requested processor that a busy pod uses.
	Delay   time.Duration
	FullCPU float64
	// Seeds is how many runs with other noise there are of each policy; the worst counts.
	Seeds int

	// Report and Write are files for the report and for the autoscaler to apply.
	Report, Write string
}

// DefaultOptions returns an SLO of a minute and what Cloud Monitoring is known for.
func DefaultOptions() Options {
	return Options{MeasureFor: 30 * time.Second, StartUp: -1, Last: 24 * time.Hour, SLO: time.Minute, Delay: 3 * time.Minute, FullCPU: 1, Seeds: 3}
}

// RegisterFlags binds the options to their flags.
func (o *Options) RegisterFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Worker, "worker", o.Worker, "URL of a running worker to measure the capacity of, such as http://127.0.0.1:8080")
	fs.DurationVar(&o.MeasureFor, "measure-for", o.MeasureFor, "how long the worker is watched")
	fs.StringVar(&o.Subscription, "subscription", o.Subscription, "the worker's flow, as its series call it (default: its only one)")
	fs.Float64Var(&o.Capacity, "capacity", o.Capacity, "messages a second that one pod settles when it is busy")
	fs.DurationVar(&o.StartUp, "start-up", o.StartUp, "time until a new pod takes messages (default: that of the cluster's pods with --name, 30s without)")
	fs.Lookup("start-up").DefValue = "0s"
	fs.StringVar(&o.Trace, "trace", o.Trace, "CSV file of seconds (or Unix time) and messages a second")
	fs.StringVar(&o.Synthetic, "synthetic", o.Synthetic, "arrivals that need no data: "+strings.Join(syntheticNames(), ", "))
	fs.StringVar(&o.Prometheus, "prometheus", o.Prometheus, "URL of a Prometheus, or a file with its answer to a range query")
	fs.StringVar(&o.Query, "query", o.Query, "with --prometheus: what gives the messages a second, as one series")
	fs.DurationVar(&o.Last, "last", o.Last, "with --prometheus: how much of the past")
	fs.StringVar(&o.Until, "until", o.Until, "with --prometheus: end of that time, such as 2026-11-27T12:00:00Z (default: now)")
	o.registerAutoscaler(fs)
	fs.DurationVar(&o.SLO, "slo", o.SLO, "oldest that a waiting message may get")
	fs.Int32Var(&o.Min, "min", o.Min, "fewest pods (default: the autoscaler's, or 2)")
	fs.Int32Var(&o.Max, "max", o.Max, "most pods (default: the autoscaler's, or 20)")
	fs.IntVar(&o.Seeds, "seeds", o.Seeds, "runs of each policy with other noise; the worst counts")
	fs.StringVar(&o.Write, "write-hpa", o.Write, "file to write the autoscaler to apply into, instead of printing it")
	for _, name := range []string{"min", "max"} {
		fs.Lookup(name).DefValue = "0"
	}
}

// registerAutoscaler binds what tune and replay share.
func (o *Options) registerAutoscaler(fs *pflag.FlagSet) {
	fs.StringVar(&o.HPA, "hpa", o.HPA, "YAML file of the present HorizontalPodAutoscaler")
	fs.StringVar(&o.Name, "name", o.Name, "name of the present HorizontalPodAutoscaler in the cluster")
	fs.StringVarP(&o.Namespace, "namespace", "n", o.Namespace, "with --name: its namespace (default: the context's)")
	fs.StringVar(&o.Context, "context", o.Context, "with --name: context of the kubeconfig (default: the current one)")
	fs.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "with --name: kubeconfig file (default: kubectl's)")
	fs.DurationVar(&o.Delay, "monitoring-delay", o.Delay, "how late Cloud Monitoring's samples are")
	fs.Float64Var(&o.FullCPU, "cpu-at-capacity", o.FullCPU, "share of its requested processor that a busy pod uses, 0 to 1: 1 computes, 0.4 waits for others")
	fs.StringVar(&o.Report, "report", o.Report, "file to write an HTML report with plots into")
}

func syntheticNames() []string {
	var names []string
	for _, tr := range sim.Synthetic() {
		names = append(names, tr.Name)
	}
	return names
}

// Validate returns every fault at once.
func (o *Options) Validate() error { return o.validate(true) }

// ValidateGiven is the same while what is missing can still be asked for.
func (o *Options) ValidateGiven() error { return o.validate(false) }

func (o *Options) validate(missing bool) error {
	var errs config.Errors
	o.validateCapacity(&errs, missing)
	o.validateTrace(&errs, missing)
	o.validateRest(&errs)
	o.validateBounds(&errs)
	o.validateOutputs(&errs, [][2]string{{"--trace", o.Trace}, {"--prometheus", o.Prometheus}})
	return errs.Err()
}

func (o *Options) validateBounds(errs *config.Errors) {
	errs.Check(o.Seeds >= 1 && o.Seeds <= 60, "--seeds", o.Seeds, "is out of range", "give 1 to 60")
	errs.Check(o.Min >= 0, "--min", o.Min, "is negative", "give at least 1")
	errs.Check(o.Max >= 0 && o.Max <= mostPods, "--max", o.Max, "is out of range", fmt.Sprintf("give 1 to %d", mostPods))
	errs.Check(o.Max <= 0 || o.Max >= o.Min, "--max", o.Max, fmt.Sprintf("is below --min %d", o.Min), "give more, or a smaller --min")
}

func (o *Options) validateCapacity(errs *config.Errors, missing bool) {
	errs.Check(o.StartUp == -1 || (o.StartUp >= 0 && o.StartUp <= time.Hour), "--start-up", o.StartUp, "is out of range", "give 0s to 1h")
	switch {
	case o.Worker != "" && o.Capacity != 0:
		errs.Add("--worker", o.Worker, "excludes --capacity", "give one of the two")
	case o.Worker == "" && o.Capacity == 0:
		errs.Check(!missing, "--capacity", "", "or --worker is required", "give the messages a second of one busy pod, or the URL of a running worker to measure it of")
	case o.Worker == "":
		errs.Check(o.Capacity >= 1e-3 && o.Capacity <= 1e7, "--capacity", o.Capacity, "is not a capacity", "give 0.001 to 10000000 messages a second")
	}
	if o.Worker != "" {
		if _, err := metricsURL(o.Worker); err != nil {
			errs.Add("--worker", o.Worker, err.Error(), "give one such as http://127.0.0.1:8080")
		}
	}
	if o.Worker == "" {
		errs.Check(o.Subscription == "", "--subscription", o.Subscription, "has no meaning without --worker", "give --worker or leave it out")
		errs.Check(o.MeasureFor == DefaultOptions().MeasureFor, "--measure-for", o.MeasureFor, "has no meaning without --worker", "give --worker or leave it out")
		return
	}
	errs.Check(o.MeasureFor >= 2*time.Second && o.MeasureFor <= time.Hour, "--measure-for", o.MeasureFor, "is out of range", "give 2s to 1h")
}

func (o *Options) validateTrace(errs *config.Errors, missing bool) {
	given := 0
	for _, source := range []string{o.Trace, o.Synthetic, o.Prometheus} {
		if source != "" {
			given++
		}
	}
	switch {
	case given == 0:
		errs.Check(!missing, "--trace", "", "or --prometheus or --synthetic is required", "give a CSV file, a Prometheus, or one of "+strings.Join(syntheticNames(), ", "))
	case given > 1:
		errs.Add("--trace", "", "--prometheus and --synthetic exclude each other", "give one of them")
	}
	if o.Synthetic != "" && !slices.Contains(syntheticNames(), o.Synthetic) {
		cure := "give one of " + strings.Join(syntheticNames(), ", ")
		if near, ok := config.Nearest(o.Synthetic, syntheticNames()); ok {
			cure = "did you mean " + near + "?"
		}
		errs.Add("--synthetic", o.Synthetic, "is not a trace", cure)
	}
	o.validatePrometheus(errs)
}

func (o *Options) validatePrometheus(errs *config.Errors) {
	if !isURL(o.Prometheus) {
		checkFile(errs, "--prometheus", o.Prometheus)
		if o.Prometheus == "" {
			errs.Check(o.Query == "", "--query", o.Query, "has no meaning without --prometheus", "give --prometheus or leave it out")
		} else {
			errs.Check(o.Query == "", "--query", o.Query, "has no meaning with a file", "leave it out")
		}
		const problem, cure = "has no meaning without the URL of --prometheus", "give one or leave it out"
		errs.Check(o.Last == DefaultOptions().Last, "--last", o.Last, problem, cure)
		errs.Check(o.Until == "", "--until", o.Until, problem, cure)
		return
	}
	errs.Check(o.Last >= time.Minute && o.Last <= 31*24*time.Hour, "--last", o.Last, "is out of range", "give 1m to 744h")
	if o.Until != "" {
		_, err := time.Parse(time.RFC3339, o.Until)
		errs.Check(err == nil, "--until", o.Until, "is not a time", "give one such as 2026-11-27T12:00:00Z")
	}
	u, err := url.Parse(o.Prometheus)
	errs.Check(err == nil && u.Host != "", "--prometheus", o.Prometheus, "is not a URL", "give one such as http://127.0.0.1:9090")
	errs.Check(o.Query != "", "--query", "", "is required with --prometheus", "give what says the messages a second, such as sum(rate(published_total[1m]))")
}

func isURL(s string) bool { return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") }

// validateRest checks what tune and replay share.
func (o *Options) validateRest(errs *config.Errors) {
	errs.Check(o.HPA == "" || o.Name == "", "--hpa", o.HPA, "excludes --name", "give a file or a name, not both")
	errs.Check(o.Name == "" || dnsName.MatchString(o.Name), "--name", o.Name, "does not name an autoscaler", "give one as kubectl get hpa shows them")
	if o.Name == "" {
		for _, f := range [][2]string{{"--namespace", o.Namespace}, {"--context", o.Context}, {"--kubeconfig", o.Kubeconfig}} {
			errs.Check(f[1] == "", f[0], f[1], "has no meaning without --name", "give the name of the autoscaler or leave it out")
		}
	}
	errs.Check(o.SLO >= time.Second && o.SLO <= 24*time.Hour, "--slo", o.SLO, "is out of range", "give 1s to 24h")
	errs.Check(o.Delay >= 0 && o.Delay <= time.Hour, "--monitoring-delay", o.Delay, "is out of range", "give 0s to 1h")
	errs.Check(o.FullCPU > 0 && o.FullCPU <= 1 && !math.IsNaN(o.FullCPU), "--cpu-at-capacity", o.FullCPU, "is not a share", "give more than 0, at most 1")
	checkFile(errs, "--trace", o.Trace)
	checkFile(errs, "--hpa", o.HPA)
}

// dnsName is what Kubernetes allows as the name of an autoscaler.
var dnsName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)

// validateOutputs finds files that cannot be written, and those that are written over what is read or each other, before anything has
// begun. The inputs are those of tune or of replay, by flag.
func (o *Options) validateOutputs(errs *config.Errors, inputs [][2]string) {
	taken := append(slices.Clone(inputs), [2]string{"--hpa", o.HPA}, [2]string{"--kubeconfig", o.Kubeconfig})
	for _, out := range [][2]string{{"--report", o.Report}, {"--write-hpa", o.Write}} {
		flag, file := out[0], out[1]
		if file == "" {
			continue
		}
		dir, err := os.Stat(filepath.Dir(file))
		if err != nil || !dir.IsDir() {
			errs.Add(flag, file, "is in no directory", "make the directory, or give another file")
			continue
		}
		info, err := os.Stat(file)
		errs.Check(err != nil || !info.IsDir(), flag, file, "is a directory", "give a file")
		for _, other := range taken {
			errs.Check(!sameFile(file, other[1]), flag, file, "is the file of "+other[0]+" too", "give another")
		}
		taken = append(taken, out)
	}
}

// sameFile reports whether two paths lead to one file, also where there is none yet.
func sameFile(a, b string) bool {
	if b == "" {
		return false
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA == nil && errB == nil {
		return os.SameFile(infoA, infoB)
	}
	return filepath.Clean(a) == filepath.Clean(b)
}

// checkFile finds a wrong name before anything has begun.
func checkFile(errs *config.Errors, flag, file string) {
	if file == "" {
		return
	}
	info, err := os.Stat(file)
	errs.Check(err == nil && !info.IsDir(), flag, file, "is not a file that can be read", "give another")
}
