package export

import (
	"fmt"
	"strings"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/nowcast"
)

// explanation says how the numbers of one tick came about. It is never changed once made.
type explanation struct {
	sub        backlog.Subscription
	autoscaler string // namespace/name, or empty for the flags' law
	result     *nowcast.Result
	clock      clock
	values     []estimate
	at         time.Time
	// sharing are the flows, with what each needs alone, whose workers are the same; shared is what all of them need.
	sharing []string
	shared  nowcast.Estimate
}

// String writes it as a person would.
func (x *explanation) String() string {
	var b strings.Builder
	whose := "the exporter's flags"
	if x.autoscaler != "" {
		whose = "the annotations of autoscaler " + x.autoscaler
	}
	fmt.Fprintf(&b, "%s, by %s.\n", x.sub, whose)
	if x.clock.speed != 1 {
		fmt.Fprintf(&b, "Time is compressed: seconds and rates of the arithmetic are those of a clock that runs %.4g times as fast.\n", x.clock.speed)
	}
	b.WriteString(x.result.Explanation.String())
	if len(x.sharing) > 0 {
		fmt.Fprintf(&b, "The workers are shared by %s: of slots they need the most, of the processor the sum, together %.2f.\n",
			strings.Join(x.sharing, ", "), x.shared.Value)
	}
	b.WriteString("\nServed:\n")
	for i, d := range backlog.Estimates() {
		v := &x.values[i]
		if reading := v.seen.Read(x.at, v.limits); reading.State != backlog.Absent {
			fmt.Fprintf(&b, "- %s %.6g, %s", d.Metric.Short(), reading.Value, reading.State)
		} else {
			fmt.Fprintf(&b, "- %s is absent", d.Metric.Short())
		}
		if v.why != "" {
			b.WriteString(": " + v.why)
		}
		b.WriteString(".\n")
	}
	return b.String()
}

// The documents are what programs get. What is not known is null or left out.
type (
	explainedFlow struct {
		Subscription string                     `json:"subscription"`
		Autoscaler   string                     `json:"autoscaler,omitempty"`
		At           time.Time                  `json:"at"`
		Speed        float64                    `json:"clock_speed"`
		Settings     explainedLaw               `json:"settings"`
		Inputs       explainedInputs            `json:"inputs"`
		Arithmetic   explainedSteps             `json:"arithmetic"`
		Guards       map[string]bool            `json:"guards"`
		SharedWith   []string                   `json:"shared_with,omitempty"`
		Results      map[string]explainedResult `json:"results"`
		Text         []string                   `json:"text"`
	}
	explainedLaw struct {
		Drain     float64 `json:"drain_seconds"`
		Headroom  float64 `json:"headroom"`
		Capacity  float64 `json:"pod_capacity,omitempty"`
		MaxRate   float64 `json:"max_arrival_rate,omitempty"`
		Min       float64 `json:"min_replicas,omitempty"`
		Max       float64 `json:"max_replicas,omitempty"`
		IgnoreCPU bool    `json:"ignore_cpu,omitempty"`
		Window    float64 `json:"scale_down_window_seconds"`
	}
	explainedInputs struct {
		Replicas    *int             `json:"replicas"`
		Expected    int              `json:"pods_expected"`
		Scraped     int              `json:"pods_scraped"`
		Terminating int              `json:"pods_terminating"`
		Full        int              `json:"pods_without_free_slot"`
		Paused      int              `json:"pods_paused"`
		InFlight    float64          `json:"messages_in_flight"`
		Age         float64          `json:"first_delivery_age_seconds"`
		Sample      *explainedSample `json:"sample"`
		Before      *explainedSample `json:"sample_before"`
		Acks        *explainedSample `json:"acks_per_second"`
	}
	explainedSample struct {
		Value float64 `json:"value"`
		Age   float64 `json:"age_seconds"`
	}
	explainedSteps struct {
		CaughtUp   bool               `json:"caught_up"`
		Arrivals   float64            `json:"arrival_rate"`
		ArrivalsBy string             `json:"arrival_rate_by"`
		From       string             `json:"backlog_from"`
		Anchor     *explainedSample   `json:"anchor"`
		Carried    float64            `json:"carried_seconds"`
		Left       float64            `json:"left_since"`
		Backlog    float64            `json:"backlog"`
		Waiting    float64            `json:"waiting"`
		Ceilings   map[string]float64 `json:"pod_ceilings"`
		Capacity   float64            `json:"pod_capacity"`
		CapacityBy string             `json:"pod_capacity_by"`
		Load       float64            `json:"load"`
		Raw        float64            `json:"pods"`
		Desired    float64            `json:"desired_replicas"`
	}
	explainedResult struct {
		State  string   `json:"state"`
		Value  *float64 `json:"value"`
		Margin float64  `json:"margin,omitempty"`
		Reason string   `json:"reason,omitempty"`
		Why    string   `json:"why,omitempty"`
	}
)

// Document returns it for programs.
func (x *explanation) Document() any {
	e := &x.result.Explanation
	d := explainedFlow{
		Subscription: x.sub.String(), Autoscaler: x.autoscaler, At: x.at.UTC(), Speed: x.clock.speed,
		Settings: explainedLaw{
			Drain: e.Law.Drain.Seconds(), Headroom: e.Law.Headroom, Capacity: e.Law.Capacity, MaxRate: e.Law.MaxRate, Min: e.Law.Min, Max: e.Law.Max,
			IgnoreCPU: e.Law.IgnoreCPU, Window: e.Law.Window.Seconds(),
		},
		Inputs: explainedInputs{
			Expected: e.Expected, Scraped: e.Scraped, Terminating: e.Terminating, Full: e.Full, Paused: e.Paused, InFlight: e.InFlight, Age: e.Age,
			Sample: sampleAt(e.Sample, e.Now), Before: sampleAt(e.Before, e.Now), Acks: sampleAt(e.Acks, e.Now),
		},
		Arithmetic: explainedSteps{
			CaughtUp: e.CaughtUp, Arrivals: e.Arrivals, ArrivalsBy: e.ArrivalsBy, From: e.From, Anchor: sampleAt(e.Anchor, e.Now), Carried: e.Carried,
			Left: e.Left, Backlog: e.Backlog, Waiting: e.Waiting, Capacity: e.Capacity, CapacityBy: e.CapacityBy, Load: e.Load, Raw: e.Raw, Desired: e.Desired,
			Ceilings: map[string]float64{
				"slots": e.Ceilings.Slots, "processor": e.Ceilings.CPU, "reached": e.Ceilings.Reached, "monitoring": e.Ceilings.Remote, "configuration": e.Ceilings.Said,
			},
		},
		Guards: map[string]bool{"target_failing": e.Failing, "capacity_unknown": e.Unmeasured, "floored_after_gap": e.Floored, "absent": e.Absent},
		Text:   strings.Split(strings.TrimSuffix(x.String(), "\n"), "\n"), SharedWith: x.sharing, Results: map[string]explainedResult{},
	}
	if e.Replicas >= 0 {
		d.Inputs.Replicas = &e.Replicas
	}
	margins := []float64{x.result.Backlog.Margin, 0, 0, x.result.Desired.Margin, 0}
	for i, metric := range backlog.Estimates() {
		v := &x.values[i]
		reading := v.seen.Read(x.at, v.limits)
		one := explainedResult{State: reading.State.String(), Reason: string(v.reason), Why: v.why}
		if reading.State != backlog.Absent {
			one.Value, one.Margin = &reading.Value, margins[i]
		}
		d.Results[metric.Metric.Name()] = one
	}
	return d
}

func sampleAt(s backlog.Sample, now time.Time) *explainedSample {
	if s.At.IsZero() {
		return nil
	}
	return &explainedSample{s.Value, now.Sub(s.At).Seconds()}
}
