package export

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"spillway/internal/config"
)

// LawOptions is how many pods a backlog is worth: (work that waits / Drain + Headroom * arrival rate) / capacity of a pod.
type LawOptions struct {
	// Drain is how long the work that waits may take.
	Drain time.Duration
	// Headroom is what the arrival rate is multiplied with.
	Headroom float64
	// Capacity is the messages that one pod settles in a second, used while none has been measured; 0 when nobody has said.
	Capacity float64
	// MaxRate bounds the arrival rate, in messages a second; 0 for no bound.
	MaxRate float64
	// Min and Max bound the result; 0 for no bound.
	Min, Max float64
	// IgnoreCPU leaves the processor out of the capacity.
	IgnoreCPU bool
}

func defaultLawOptions() LawOptions { return LawOptions{Drain: time.Minute, Headroom: 1.05} }

func (o *LawOptions) registerFlags(fs *pflag.FlagSet) {
	fs.DurationVar(&o.Drain, "drain-time", o.Drain, "how long work that waits may take: what waits, divided by this, is added to the arrival rate")
	fs.Float64Var(&o.Headroom, "headroom", o.Headroom, "what the arrival rate is multiplied with, 1 to 10")
	fs.Float64Var(&o.Capacity, "pod-capacity", o.Capacity, "messages that one pod settles in a second, used while none has been measured; 0: not known")
	fs.Float64Var(&o.MaxRate, "max-arrival-rate", o.MaxRate, "greatest arrival rate that is believed, in messages a second, such as the topic's quota; 0: any")
	fs.Float64Var(&o.Min, "min-replicas", o.Min, "least desired replicas; 0: no bound, because the autoscaler has its own")
	fs.Float64Var(&o.Max, "max-replicas", o.Max, "most desired replicas; 0: no bound, because the autoscaler has its own")
	fs.BoolVar(&o.IgnoreCPU, "ignore-cpu", o.IgnoreCPU, "leave the worker's processor out of what a pod can settle, for work that is done in another container")
}

// setting is one number of the law: as a flag and as an annotation of an autoscaler.
type setting struct {
	flag, annotation string
	least, most      float64
	// unset is whether 0 means that nobody has said.
	unset bool
	cure  string
	of    func(*LawOptions) float64
	set   func(*LawOptions, float64)
}

func lawSettings() []setting {
	day := (24 * time.Hour).Seconds()
	return []setting{
		{
			"--drain-time", "drain-seconds", 1, day, false, "give seconds from 1 to 86400",
			func(o *LawOptions) float64 { return o.Drain.Seconds() },
			func(o *LawOptions, v float64) { o.Drain = time.Duration(v * float64(time.Second)) },
		},
		{
			"--headroom", "headroom", 1, 10, false, "give a factor from 1 to 10",
			func(o *LawOptions) float64 { return o.Headroom }, func(o *LawOptions, v float64) { o.Headroom = v },
		},
		{
			"--pod-capacity", "pod-capacity", 1e-6, 1e9, true, "give the messages that one pod settles in a second",
			func(o *LawOptions) float64 { return o.Capacity }, func(o *LawOptions, v float64) { o.Capacity = v },
		},
		{
			"--max-arrival-rate", "max-arrival-rate", 1e-6, 1e12, true, "give messages a second",
			func(o *LawOptions) float64 { return o.MaxRate }, func(o *LawOptions, v float64) { o.MaxRate = v },
		},
		{
			"--min-replicas", "min-replicas", 0, math.MaxInt32, true, "give a number of pods",
			func(o *LawOptions) float64 { return o.Min }, func(o *LawOptions, v float64) { o.Min = v },
		},
		{
			"--max-replicas", "max-replicas", 1, math.MaxInt32, true, "give a number of pods",
			func(o *LawOptions) float64 { return o.Max }, func(o *LawOptions, v float64) { o.Max = v },
		},
	}
}

func (s *setting) allows(v float64) bool { return (v >= s.least && v <= s.most) || (s.unset && v == 0) }

func (o *LawOptions) validate(errs *config.Errors) {
	for _, s := range lawSettings() {
		errs.Check(s.allows(s.of(o)), s.flag, s.of(o), "is out of bounds", s.cure)
	}
	errs.Check(o.Max == 0 || o.Min <= o.Max, "--min-replicas", o.Min, "is above --max-replicas", "give a smaller one")
}

// ignoreCPU is the annotation that is no number.
const ignoreCPU = "ignore-cpu"

// annotationFault is what is wrong with one of an autoscaler's annotations.
type annotationFault struct{ key, message string }

// with returns the options as an autoscaler's annotations, by what follows spillway/, change them. What is wrong with one leaves the flag's
// value and is told.
func (o LawOptions) with(annotations map[string]string) (LawOptions, []annotationFault) {
	var faults []annotationFault
	known := []string{ignoreCPU}
	for _, s := range lawSettings() {
		known = append(known, s.annotation)
		text, given := annotations[s.annotation]
		if !given {
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || !s.allows(v) {
			faults = append(faults, annotationFault{s.annotation, fmt.Sprintf(
				"The annotation spillway/%s is %q, which is out of bounds; %s. The exporter's %s holds.", s.annotation, clipped(text), s.cure, s.flag,
			)})
			continue
		}
		s.set(&o, v)
	}
	if text, given := annotations[ignoreCPU]; given {
		v, err := strconv.ParseBool(text)
		if err != nil {
			faults = append(faults, annotationFault{ignoreCPU, fmt.Sprintf(
				"The annotation spillway/%s is %q; give true or false. The exporter's --ignore-cpu holds.", ignoreCPU, clipped(text))})
		} else {
			o.IgnoreCPU = v
		}
	}
	if o.Max > 0 && o.Min > o.Max {
		faults = append(faults, annotationFault{"min-replicas", fmt.Sprintf(
			"The annotations ask for at least %v and at most %v replicas; give a smaller spillway/min-replicas. Only the upper bound holds.", o.Min, o.Max)})
		o.Min = 0
	}
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		if slices.Contains(known, key) {
			continue
		}
		message := fmt.Sprintf("The annotation spillway/%s is not known.", clipped(key))
		if near, found := config.Nearest(key, known); found {
			message += fmt.Sprintf(" Did you mean spillway/%s?", near)
		}
		faults = append(faults, annotationFault{key, message})
	}
	return o, faults
}

// clipped bounds what of an annotation is repeated.
func clipped(text string) string {
	const most = 100
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}
