package monitoring

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FaultKind says what goes wrong.
type FaultKind string

// The kinds of faults. The first four change what readers see, the others what happens to requests.
const (
	// FaultGap hides the points that are sampled while it lasts: of a metric, of a subscription, or of all. Removing the fault
	// gives them back, as late data does.
	FaultGap FaultKind = "gap"
	// FaultRegion is the outage of one region: while it lasts, the region's own series have no points, and neither have the
	// global backlog metrics, which need every region.
	FaultRegion FaultKind = "region"
	// FaultLate shows the points sampled while it lasts later by Delay.
	FaultLate FaultKind = "late"
	// FaultEmpty returns series without their points while it lasts.
	FaultEmpty FaultKind = "empty"
	// FaultQuota answers ResourceExhausted (429).
	FaultQuota FaultKind = "quota"
	// FaultUnavailable answers Unavailable (503).
	FaultUnavailable FaultKind = "unavailable"
	// FaultUnauthenticated answers Unauthenticated (401), as for expired credentials.
	FaultUnauthenticated FaultKind = "unauthenticated"
	// FaultDenied answers PermissionDenied (403), as to an account without roles/monitoring.viewer.
	FaultDenied FaultKind = "denied"
	// FaultSlow answers later by Delay, in real time.
	FaultSlow FaultKind = "slow"
)

// Fault is one thing that goes wrong. Its text form is the kind and its settings, for example
// "gap,metric=num_undelivered_messages,subscription=orders,for=5m" or "quota,share=0.5,after=1m,for=10m"; flags and JSON use it.
type Fault struct {
	Kind FaultKind
	// Metric (a name as in [Options.Metrics]), Subscription (an ID or a full name) and Region narrow it down; empty means all.
	Metric, Subscription, Region string
	// After is the time from [Server.SetFaults] to the start; negative reaches back to points already sampled. For is how long
	// it lasts, 0 until it is removed. Both are in clock time.
	After, For time.Duration
	// Delay belongs to late and slow.
	Delay time.Duration
	// Share of the points, series (empty) or requests that are hit, 0 to 1; 0 means all. Which ones depends on [Options.Seed]
	// and, for points, on series and time, for requests on their number.
	Share float64
}

const (
	maxFaultLength = 1024
	maxFaultTime   = 365 * 24 * time.Hour
)

// ParseFault reads the text form of a fault.
func ParseFault(text string) (Fault, error) {
	if len(text) > maxFaultLength {
		return Fault{}, fmt.Errorf("a fault is at most %d characters, not %d", maxFaultLength, len(text))
	}
	kind, settings, more := strings.Cut(text, ",")
	f := Fault{Kind: FaultKind(kind)}
	for more {
		var setting string
		setting, settings, more = strings.Cut(settings, ",")
		key, value, _ := strings.Cut(setting, "=")
		if err := f.set(key, value); err != nil {
			return Fault{}, fmt.Errorf("fault %q: %s: %w", text, key, err)
		}
	}
	if err := f.Validate(); err != nil {
		return Fault{}, err
	}
	return f, nil
}

func (f *Fault) set(key, value string) (err error) {
	switch key {
	case "metric":
		f.Metric = value
	case "subscription":
		f.Subscription = value
	case "region":
		f.Region = value
	case "after":
		f.After, err = time.ParseDuration(value)
	case "for":
		f.For, err = time.ParseDuration(value)
	case "delay":
		f.Delay, err = time.ParseDuration(value)
	case "share":
		f.Share, err = strconv.ParseFloat(value, 64)
	default:
		err = errors.New("unknown setting, use metric, subscription, region, after, for, delay or share")
	}
	return err
}

// String is the text form of the fault.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(string(f.Kind))
	write := func(key, value string, set bool) {
		if set {
			b.WriteString("," + key + "=" + value)
		}
	}
	write("metric", f.Metric, f.Metric != "")
	write("subscription", f.Subscription, f.Subscription != "")
	write("region", f.Region, f.Region != "")
	write("after", f.After.String(), f.After != 0)
	write("for", f.For.String(), f.For != 0)
	write("delay", f.Delay.String(), f.Delay != 0)
	write("share", strconv.FormatFloat(f.Share, 'g', -1, 64), f.Share != 0)
	return b.String()
}

// MarshalText implements [encoding.TextMarshaler].
func (f Fault) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] by [ParseFault].
func (f *Fault) UnmarshalText(text []byte) (err error) {
	*f, err = ParseFault(string(text))
	return err
}

// Validate reports everything that is wrong with the fault.
func (f Fault) Validate() error {
	kinds := []FaultKind{
		FaultGap, FaultRegion, FaultLate, FaultEmpty, FaultQuota, FaultUnavailable, FaultUnauthenticated, FaultDenied, FaultSlow,
	}
	if !slices.Contains(kinds, f.Kind) {
		return fmt.Errorf("unknown fault %q, use one of %s", f.Kind, strings.Trim(fmt.Sprint(kinds), "[]"))
	}
	var errs []error
	check := func(ok bool, problem string) {
		if !ok {
			errs = append(errs, fmt.Errorf("fault %s: %s", f, problem))
		}
	}
	knownMetric := slices.ContainsFunc(catalogue(), func(m *metric) bool { return m.named(f.Metric) })
	check(f.Metric == "" || knownMetric, "no such metric")
	check(!strings.Contains(f.Subscription, ","), "a subscription's name has no comma")
	check(!f.hitsRequests() || f.Metric+f.Subscription == "", "it hits requests, which have neither metric nor subscription")
	check((f.Kind == FaultRegion) == (f.Region != ""), "region goes with the kind region, and only there")
	check((f.Kind == FaultLate || f.Kind == FaultSlow) == (f.Delay != 0), "delay goes with late and slow, and only there")
	check(f.Delay >= 0 && f.For >= 0, "delay and for must not be negative")
	check(max(f.After.Abs(), f.For, f.Delay) <= maxFaultTime, "no time may be longer than a year")
	check(f.Share >= 0 && f.Share <= 1, "share must be from 0 to 1")
	return errors.Join(errs...)
}

func (f Fault) hitsRequests() bool {
	return slices.Contains([]FaultKind{FaultQuota, FaultUnavailable, FaultUnauthenticated, FaultDenied, FaultSlow}, f.Kind)
}

// concerns reports whether the fault is about this series; region outages also concern the metrics that need every region.
func (f Fault) concerns(s *series) bool {
	if f.Metric != "" && !s.metric.named(f.Metric) {
		return false
	}
	if f.Subscription != "" && (s.metric.topic != nil || !f.namesSubscription(s)) {
		return false
	}
	if f.Kind != FaultRegion || s.metric.global {
		return true
	}
	region := s.metric.labelIndex("region")
	return region >= 0 && s.labels[region] == f.Region
}

func (f Fault) namesSubscription(s *series) bool {
	return f.Subscription == s.id || f.Subscription == "projects/"+s.project+"/subscriptions/"+s.id
}
