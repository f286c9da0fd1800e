package httpload

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"spillway/internal/config"
)

// The bounds keep a slip of the finger from becoming an attack.
const (
	maxRate        = 10_000
	maxConcurrency = 10_000
	maxDuration    = 24 * time.Hour
	maxTimeout     = 10 * time.Minute
)

// Options says what to ask for, where and how fast.
type Options struct {
	// URL is where the requests go, http or https.
	URL    string
	Method string
	// Rate is in requests per second.
	Rate float64
	// Concurrency is how many requests may be on their way at once.
	Concurrency int
	// Duration is how long requests become due; 0 means until the run is interrupted.
	Duration time.Duration
	// Timeout bounds one request, from sending to the end of its answer.
	Timeout time.Duration
	// KeepAlive lets requests share connections. Without it each has its own, so that a Kubernetes Service spreads them
	// over pods that came later too.
	KeepAlive bool
}

// DefaultOptions returns a rate at which the shipped HPA of 5 requests per second and pod wants 10 pods, for as long as the
// tutorial's load test.
func DefaultOptions() Options {
	return Options{Method: http.MethodGet, Rate: 50, Concurrency: 100, Duration: 5 * time.Minute, Timeout: 10 * time.Second}
}

// RegisterFlags binds the options, all but the URL, to their flags.
func (o *Options) RegisterFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Method, "method", o.Method, "method of the requests; they have no body")
	fs.Float64Var(&o.Rate, "rate", o.Rate, "requests per second, however long the answers take")
	fs.IntVar(&o.Concurrency, "concurrency", o.Concurrency, "requests on their way at once; more that are due wait, and the waiting is measured")
	fs.DurationVar(&o.Duration, "duration", o.Duration, "how long to send; 0 means until Ctrl-C")
	fs.DurationVar(&o.Timeout, "timeout", o.Timeout, "time for one request")
	fs.BoolVar(&o.KeepAlive, "keep-alive", o.KeepAlive, "share connections, which takes less of the machine but reaches only the pods that were there first")
}

// Validate returns every fault at once.
func (o *Options) Validate() error {
	var errs config.Errors
	o.validateURL(&errs)
	methods := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
	errs.Check(slices.Contains(methods, o.Method), "--method", o.Method, "is not a method", "give "+strings.Join(methods, ", "))
	// NaN fails every comparison, so the condition says what holds and not what does not.
	errs.Check(o.Rate > 0 && o.Rate <= maxRate && !math.IsInf(o.Rate, 0), "--rate", o.Rate, "is not a rate", fmt.Sprintf("give more than 0 and up to %d requests per second", maxRate))
	errs.Check(o.Concurrency >= 1 && o.Concurrency <= maxConcurrency, "--concurrency", o.Concurrency, "is out of range", fmt.Sprintf("give 1 to %d", maxConcurrency))
	errs.Check(o.Duration >= 0 && o.Duration <= maxDuration, "--duration", o.Duration, "is out of range", fmt.Sprintf("give a time up to %s, such as 5m, or 0 for no end", maxDuration))
	errs.Check(o.Timeout > 0 && o.Timeout <= maxTimeout, "--timeout", o.Timeout, "is out of range", fmt.Sprintf("give a time up to %s, such as 10s", maxTimeout))
	return errs.Err()
}

func (o *Options) validateURL(errs *config.Errors) {
	const cure = "give one such as http://127.0.0.1:8080/demo"
	if o.URL == "" {
		errs.Add("URL", "", "is required", cure)
		return
	}
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		errs.Add("URL", o.URL, "is not an http or https URL", cure)
	case u.User != nil:
		errs.Add("URL", u.Redacted(), "holds credentials, which others can read in the list of processes", "leave them out")
	}
}
