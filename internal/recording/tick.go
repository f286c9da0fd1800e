package recording

import (
	"time"

	"spillway/internal/backlog"
	"spillway/internal/nowcast"
)

// Version is that of the format. A reader takes this one alone; new keys that may be missing do not change it.
const Version = 1

// Flow is whose ticks these are.
type Flow struct {
	Subscription backlog.Subscription
	// Autoscaler is namespace/name of the HorizontalPodAutoscaler whose annotations made a law of its own; empty for the law of the flags.
	Autoscaler string
}

// Tick is one tick of one flow: what the law was, what it was given and what it said.
type Tick struct {
	Flow
	Law   nowcast.Law
	Input nowcast.Input
	// Desired is what was said then. It is absent where nothing was; of the rest only the value is kept.
	Desired nowcast.Estimate
}

// line is every line there can be; which one it is, its keys tell.
type line struct {
	Version *int `json:"spillway_recording,omitempty"`

	Flow         *int   `json:"flow,omitempty"`
	Subscription string `json:"subscription,omitempty"`
	Autoscaler   string `json:"autoscaler,omitempty"`
	Law          *law   `json:"law,omitempty"`

	Of       *int     `json:"f,omitempty"`
	At       int64    `json:"t,omitempty"`
	Replicas *int     `json:"replicas,omitempty"`
	Backlog  *sample  `json:"backlog,omitempty"`
	Before   *sample  `json:"before,omitempty"`
	Acks     *sample  `json:"acks,omitempty"`
	Hold     bool     `json:"hold,omitempty"`
	Desired  *float64 `json:"desired,omitempty"`
	Pods     []pod    `json:"pods,omitempty"`
}

// law is nowcast.Law with its times in seconds.
type law struct {
	Drain     float64 `json:"drain_seconds"`
	Headroom  float64 `json:"headroom"`
	Capacity  float64 `json:"capacity,omitempty"`
	MaxRate   float64 `json:"max_rate,omitempty"`
	Min       float64 `json:"min,omitempty"`
	Max       float64 `json:"max,omitempty"`
	IgnoreCPU bool    `json:"ignore_cpu,omitempty"`
	Window    float64 `json:"window_seconds"`
	Stale     float64 `json:"stale_seconds"`
	Scrape    float64 `json:"scrape_seconds"`
}

// sample is a value and its age in milliseconds.
type sample [2]float64

// pod is nowcast.Pod.
type pod struct {
	Name        string  `json:"name"`
	Ready       bool    `json:"ready,omitempty"`
	Terminating bool    `json:"terminating,omitempty"`
	Started     *int64  `json:"started,omitempty"`
	At          *int64  `json:"at,omitempty"`
	InFlight    float64 `json:"in_flight,omitempty"`
	Slots       float64 `json:"slots,omitempty"`
	Delivered   float64 `json:"delivered,omitempty"`
	Left        float64 `json:"left,omitempty"`
	Acked       float64 `json:"acked,omitempty"`
	Nacked      float64 `json:"nacked,omitempty"`
	AckedTime   float64 `json:"acked_seconds,omitempty"`
	Frontier    *int64  `json:"frontier,omitempty"`
	Delivery    *int64  `json:"delivery,omitempty"`
	Connected   bool    `json:"connected,omitempty"`
	Paused      bool    `json:"paused,omitempty"`
	CPU         float64 `json:"cpu_seconds,omitempty"`
	Cores       float64 `json:"cpu_limit,omitempty"`
	AllAcked    float64 `json:"all_acked,omitempty"`
}

func lawOf(l nowcast.Law) *law {
	return &law{
		Drain: l.Drain.Seconds(), Headroom: l.Headroom, Capacity: l.Capacity, MaxRate: l.MaxRate, Min: l.Min, Max: l.Max, IgnoreCPU: l.IgnoreCPU,
		Window: l.Window.Seconds(), Stale: l.Stale.Seconds(), Scrape: l.Scrape.Seconds(),
	}
}

func (l *law) law() nowcast.Law {
	return nowcast.Law{
		Drain: seconds(l.Drain), Headroom: l.Headroom, Capacity: l.Capacity, MaxRate: l.MaxRate, Min: l.Min, Max: l.Max, IgnoreCPU: l.IgnoreCPU,
		Window: seconds(l.Window), Stale: seconds(l.Stale), Scrape: seconds(l.Scrape),
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func lineOf(of int, t *Tick) line {
	in, now := &t.Input, t.Input.Now
	l := line{
		Of: &of, At: now.UnixMilli(), Hold: in.Hold,
		Backlog: sampleOf(in.Backlog, now), Before: sampleOf(in.Before, now), Acks: sampleOf(in.Acks, now),
	}
	if in.Replicas >= 0 {
		l.Replicas = &in.Replicas
	}
	if t.Desired.State != backlog.Absent {
		l.Desired = &t.Desired.Value
	}
	for i := range in.Pods {
		l.Pods = append(l.Pods, podOf(&in.Pods[i], now))
	}
	return l
}

func (l *line) input() nowcast.Input {
	now := time.UnixMilli(l.At).UTC()
	in := nowcast.Input{Now: now, Replicas: -1, Hold: l.Hold, Backlog: l.Backlog.at(now), Before: l.Before.at(now), Acks: l.Acks.at(now)}
	if l.Replicas != nil {
		in.Replicas = *l.Replicas
	}
	for i := range l.Pods {
		in.Pods = append(in.Pods, l.Pods[i].pod(now))
	}
	return in
}

func (l *line) desired() nowcast.Estimate {
	if l.Desired == nil {
		return nowcast.Estimate{}
	}
	at := time.UnixMilli(l.At).UTC()
	return nowcast.Estimate{Reading: backlog.Reading{Sample: backlog.Sample{Value: *l.Desired, At: at}, State: backlog.Fresh}}
}

func sampleOf(s backlog.Sample, now time.Time) *sample {
	if s.At.IsZero() {
		return nil
	}
	return &sample{s.Value, float64(now.UnixMilli() - s.At.UnixMilli())}
}

func (s *sample) at(now time.Time) backlog.Sample {
	if s == nil {
		return backlog.Sample{}
	}
	return backlog.Sample{Value: s[0], At: now.Add(-time.Duration(s[1]) * time.Millisecond)}
}

func podOf(p *nowcast.Pod, now time.Time) pod {
	return pod{
		Name: p.Name, Ready: p.Ready, Terminating: p.Terminating, Started: ago(p.Started, now), At: ago(p.At, now),
		InFlight: p.InFlight, Slots: p.Slots, Delivered: p.Delivered, Left: p.Left, Acked: p.Acked, Nacked: p.Nacked, AckedTime: p.AckedSeconds,
		Frontier: ago(p.Frontier, now), Delivery: ago(p.Delivery, now), Connected: p.Connected, Paused: p.Paused,
		CPU: p.CPUSeconds, Cores: p.CPULimit, AllAcked: p.AllAcked,
	}
}

func (p *pod) pod(now time.Time) nowcast.Pod {
	return nowcast.Pod{
		Name: p.Name, Ready: p.Ready, Terminating: p.Terminating, Started: before(p.Started, now), At: before(p.At, now),
		InFlight: p.InFlight, Slots: p.Slots, Delivered: p.Delivered, Left: p.Left, Acked: p.Acked, Nacked: p.Nacked, AckedSeconds: p.AckedTime,
		Frontier: before(p.Frontier, now), Delivery: before(p.Delivery, now), Connected: p.Connected, Paused: p.Paused,
		CPUSeconds: p.CPU, CPULimit: p.Cores, AllAcked: p.AllAcked,
	}
}

// ago is how many milliseconds t lies before now; nil for no time.
func ago(t, now time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := now.UnixMilli() - t.UnixMilli()
	return &ms
}

func before(ms *int64, now time.Time) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return now.Add(-time.Duration(*ms) * time.Millisecond)
}
