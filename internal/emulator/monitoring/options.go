package monitoring

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// NoDelay as a visibility delay shows samples at once; 0 stands for the documented delay of each metric.
const NoDelay time.Duration = -1

// Defaults of [Options].
const (
	DefaultSamplePeriod = time.Minute
	DefaultWindow       = 24 * time.Hour
	// DefaultMaxPoints is 24 hours of one-minute samples for 2700 series, about 130 MB.
	DefaultMaxPoints = 4_000_000
	DefaultRegion    = "europe-west1"
)

const (
	maxRegions      = 64
	minSamplePeriod = time.Millisecond
	// maxTiming bounds periods and delays, and minSpeed and maxSpeed what they are divided by.
	maxTiming          = 24 * time.Hour
	minSpeed, maxSpeed = 1e-3, 1e6
	// minSeriesPoints is kept for every series even when MaxPoints is used up, so that a newest sample always exists.
	minSeriesPoints = 10
)

// Options says how the truth is sampled. The zero value samples as the service documents it.
type Options struct {
	// SamplePeriod is the time between samples; they are taken at whole multiples of it. 0 means 60 s.
	SamplePeriod time.Duration
	// VisibilityDelay is the time from a sample until readers see it; 0 means the documented delay of each metric.
	VisibilityDelay time.Duration
	// Metrics overrides both for single metrics, by name: "num_undelivered_messages", "subscription/num_undelivered_messages"
	// or the full metric type.
	Metrics map[string]Timing
	// Speed divides every period and delay: at 20, samples come every 3 s and the backlog is visible after 6 s. Timestamps and
	// message ages stay in clock time. 0 means 1.
	Speed float64
	// Regions are the regions that by-region metrics are split over; empty means europe-west1 alone.
	Regions []string
	// Window is how long points are kept, and MaxPoints how many in all: once all series together reach it, the oldest points
	// of every series go first. 0 means 24 h and 4,000,000.
	Window    time.Duration
	MaxPoints int
	// Seed makes the shares of faults repeatable.
	Seed uint64
}

// Timing is the timing of one metric; a zero field leaves the general setting in place.
type Timing struct {
	SamplePeriod    time.Duration
	VisibilityDelay time.Duration
}

// Validate reports everything that is wrong with the options.
func (o Options) Validate() error {
	errs := []error{checkTiming("", Timing{o.SamplePeriod, o.VisibilityDelay})}
	for name, timing := range o.Metrics {
		if !slices.ContainsFunc(catalogue(), func(m *metric) bool { return m.named(name) }) {
			errs = append(errs, fmt.Errorf("unknown metric %q", name))
		}
		errs = append(errs, checkTiming("metric "+name+": ", timing))
	}
	if o.Speed != 0 && !(o.Speed >= minSpeed && o.Speed <= maxSpeed) { // NaN fails every comparison.
		errs = append(errs, fmt.Errorf("speed %g must be at least %g and at most %g", o.Speed, minSpeed, maxSpeed))
	}
	if o.Window < 0 || o.MaxPoints < 0 {
		errs = append(errs, errors.New("the window and the number of points must not be negative"))
	}
	return errors.Join(append(errs, checkRegions(o.Regions))...)
}

func checkTiming(what string, t Timing) error {
	if t.SamplePeriod != 0 && (t.SamplePeriod < minSamplePeriod || t.SamplePeriod > maxTiming) {
		return fmt.Errorf("%ssample period %s must be at least %s and at most %s", what, t.SamplePeriod, minSamplePeriod, maxTiming)
	}
	if t.VisibilityDelay < 0 && t.VisibilityDelay != NoDelay {
		return fmt.Errorf("%svisibility delay %s must not be negative", what, t.VisibilityDelay)
	}
	if t.VisibilityDelay > maxTiming {
		return fmt.Errorf("%svisibility delay %s must be at most %s", what, t.VisibilityDelay, maxTiming)
	}
	return nil
}

var regionName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

func checkRegions(regions []string) error {
	if len(regions) > maxRegions {
		return fmt.Errorf("%d regions are more than %d", len(regions), maxRegions)
	}
	for i, region := range regions {
		if !regionName.MatchString(region) {
			return fmt.Errorf("region %q is not small letters, digits and hyphens", region)
		}
		if slices.Contains(regions[:i], region) {
			return fmt.Errorf("region %q is listed twice", region)
		}
	}
	return nil
}

func (o Options) withDefaults() Options {
	o.SamplePeriod = orDefault(o.SamplePeriod, DefaultSamplePeriod)
	o.Window = orDefault(o.Window, DefaultWindow)
	o.MaxPoints = orDefault(o.MaxPoints, DefaultMaxPoints)
	o.Speed = orDefault(o.Speed, 1)
	if len(o.Regions) == 0 {
		o.Regions = []string{DefaultRegion}
	}
	return o
}

// timing is the effective period and delay of one metric.
func (o Options) timing(m *metric) (period, delay time.Duration) {
	period, delay = o.SamplePeriod, orDefault(o.VisibilityDelay, m.documentedDelay)
	for name, t := range o.Metrics {
		if m.named(name) {
			period, delay = orDefault(t.SamplePeriod, period), orDefault(t.VisibilityDelay, delay)
		}
	}
	period = time.Duration(float64(period) / o.Speed)
	delay = time.Duration(float64(max(delay, 0)) / o.Speed)
	return max(period, minSamplePeriod), delay
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
