package tune

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"time"

	"spillway/internal/autoscaling"
	"spillway/internal/config"
	"spillway/internal/hpa"
	"spillway/internal/nowcast"
	"spillway/internal/sim"
)

const (
	requestBound  = time.Minute     // of each request
	scrapePeriod  = 5 * time.Second // between scrapes of the worker that is measured; more often when there is little time
	usualStartUp  = 30 * time.Second
	shippedScrape = 5 // seconds between the exporter's scrapes of workers
)

// App is one run of `spillway tune`.
type App struct {
	opts   Options
	out    io.Writer
	status *status
	client *http.Client
	now    func() time.Time
}

// New checks the options. The answer is written to out and the progress, which is for people, to progress. The error has every fault.
func New(opts Options, out, progress io.Writer) (*App, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	return &App{opts: opts, out: out, status: newStatus(progress), client: &http.Client{Timeout: requestBound}, now: time.Now}, nil
}

// Run gathers what is to be known, plays every policy and prints the answer. It is called once.
func (a *App) Run(ctx context.Context) error {
	defer a.client.CloseIdleConnections()
	defer a.status.clear()
	answer, err := a.answer(ctx)
	if err != nil {
		return err
	}
	a.status.clear()
	yaml, err := answer.Present.WithDesired(answer.desired().Policy.Spec).YAML()
	if err != nil {
		return err
	}
	said := bytes.NewBufferString(answer.Text())
	failed := a.propose(said, yaml)
	return errors.Join(failed, a.conclude(said, answer, string(yaml)))
}

// propose writes the autoscaler to apply into its file, or else among what is said.
func (a *App) propose(said *bytes.Buffer, yaml []byte) error {
	if a.opts.Write == "" {
		fmt.Fprintf(said, "\nThe autoscaler to apply:\n\n%s", yaml)
		return nil
	}
	if err := os.WriteFile(a.opts.Write, yaml, 0o644); err != nil { //nolint:gosec // a manifest is for everybody
		return fmt.Errorf("writing the autoscaler: %w", err)
	}
	fmt.Fprintf(said, "\nThe autoscaler is in %s; apply it with: kubectl apply -f %s\n", a.opts.Write, a.opts.Write)
	return nil
}

// conclude prints what is said, and writes the report if one is asked for. What cannot be printed is an error: it may be a file that is to
// be applied.
func (a *App) conclude(said *bytes.Buffer, answer *Answer, yaml string) error {
	var failed error
	if a.opts.Report != "" {
		if failed = writeReport(a.opts.Report, answer, yaml); failed == nil {
			fmt.Fprintf(said, "\nPlots are in %s\n", a.opts.Report)
		}
	}
	if _, err := said.WriteTo(a.out); err != nil {
		failed = errors.Join(failed, fmt.Errorf("printing the answer: %w", err))
	}
	return failed
}

// answer is everything but its form.
func (a *App) answer(ctx context.Context) (*Answer, error) {
	present, startUp, err := a.present(ctx)
	if err != nil {
		return nil, err
	}
	trace, err := a.trace(ctx)
	if err != nil {
		return nil, err
	}
	capacity, by, err := a.capacity(ctx)
	if err != nil {
		return nil, err
	}
	f := &flow{
		laws:  Laws{Capacity: capacity, Delay: a.opts.Delay.Seconds(), StartUp: startUp.time.Seconds(), SLO: a.opts.SLO.Seconds()},
		trace: trace, fullCPU: a.opts.FullCPU, scrape: shippedScrape, seeds: a.opts.Seeds,
	}
	out := &Answer{Title: "spillway tune", Laws: f.laws, Trace: trace, Present: present, CapacityBy: by, StartUpBy: startUp.by}
	return out, a.play(ctx, f, out)
}

// play searches the best target, and then plays what is compared with every seed.
func (a *App) play(ctx context.Context, f *flow, out *Answer) error {
	low, high, err := a.bounds(out.Present)
	if err != nil {
		return err
	}
	raw := sim.OnBacklog(1)
	if p := out.Present; p != nil && p.Signal == autoscaling.Backlog {
		raw.Spec.Behavior = p.Spec.Behavior
	}
	raw.Spec.MinReplicas, raw.Spec.MaxReplicas = low, high
	var tries []Played
	for _, target := range f.laws.targets() {
		tries = append(tries, onBacklog(raw, target, ""))
	}
	list := a.compared(f, out.Present, low, high)
	total, n := len(tries)+len(list), 0
	done := func(name string) { n++; a.status.say(fmt.Sprintf("playing %d of %d: %s", n, total, name)) }
	quick := *f
	quick.seeds = 1
	if err := quick.all(ctx, tries, done); err != nil {
		return err
	}
	winner := best(tries)
	list = append(list, onBacklog(raw, winner.Target, "best raw backlog: "))
	f.keep = max(1, len(f.trace.Arrived)/timelinePoints)
	if err := f.all(ctx, list, done); err != nil {
		return err
	}
	// In the order in which they are read: what there is, the best of its kind, then ours.
	for _, i := range []int{0, len(list) - 1} {
		if i > 0 || list[i].Present {
			out.Played = append(out.Played, list[i])
		}
	}
	for _, p := range list[:len(list)-1] {
		if !p.Present {
			out.Played = append(out.Played, p)
		}
	}
	out.Peak, out.Max = peak(f.trace), int(high)
	return nil
}

// compared are the policies beside the best target.
func (a *App) compared(f *flow, present *autoscaling.Autoscaler, low, high int32) []Played {
	var list []Played
	if present != nil {
		p := policyOf(present)
		p.Spec.MinReplicas, p.Spec.MaxReplicas = low, high
		list = append(list, Played{Name: "yours: " + describe(present), Present: true, Policy: p, Target: target(present)})
	}
	for _, one := range []struct {
		name   string
		policy sim.Policy
	}{{"desired replicas, Monitoring alone", sim.OnDesiredRemote(f.laws.Capacity)}, {desiredName, sim.OnDesired()}} {
		one.policy.Spec.MinReplicas, one.policy.Spec.MaxReplicas = low, high
		list = append(list, Played{Name: one.name, Policy: one.policy})
	}
	return list
}

const desiredName = "desired replicas"

// policyOf is how an autoscaler is played.
func policyOf(a *autoscaling.Autoscaler) sim.Policy {
	p := sim.Policy{Name: "present", Spec: a.Spec, Law: nowcast.DefaultLaw()}
	switch a.Signal {
	case autoscaling.Backlog:
		p.Signal = sim.RawBacklog
	case autoscaling.Desired:
		p.Signal = sim.Desired
	case autoscaling.Processor:
		p.Signal = sim.Processor
	}
	return p
}

func onBacklog(p sim.Policy, target float64, prefix string) Played {
	p.Spec.AverageValue = hpa.Milli(target) * hpa.Unit
	p.Name = fmt.Sprintf("backlog_%.0f", target)
	return Played{Name: prefix + number(target) + " a pod", Target: target, Policy: p}
}

// describe is the present autoscaler in a few words.
func describe(a *autoscaling.Autoscaler) string {
	value := number(float64(a.Spec.AverageValue) / float64(hpa.Unit))
	switch a.Signal {
	case autoscaling.Processor:
		return "processor at " + value + " %"
	case autoscaling.Desired:
		return desiredName
	case autoscaling.Backlog:
	}
	return "backlog, " + value + " a pod"
}

// target is the present autoscaler's on raw backlog, or 0.
func target(a *autoscaling.Autoscaler) float64 {
	if a == nil || a.Signal != autoscaling.Backlog {
		return 0
	}
	return float64(a.Spec.AverageValue) / float64(hpa.Unit)
}

// bounds are those that are given, or else the autoscaler's.
func (a *App) bounds(present *autoscaling.Autoscaler) (low, high int32, err error) {
	low, high = usualMin, usualMax
	if present != nil {
		low, high = max(1, present.Spec.MinReplicas), present.Spec.MaxReplicas
	}
	if a.opts.Min > 0 {
		low = a.opts.Min
	}
	if a.opts.Max > 0 {
		high = a.opts.Max
	}
	switch {
	case low > high:
		err = &config.Error{Key: "--min", Problem: fmt.Sprintf("the fewest pods, %d, are more than the most, %d", low, high), Cure: "give --min and --max"}
	case high > mostPods:
		err = &config.Error{Key: "--max", Problem: fmt.Sprintf("the autoscaler's maxReplicas, %d, is more than can be played", high), Cure: fmt.Sprintf("give --max, at most %d", mostPods)}
	}
	return low, high, err
}

// peak is the highest rate that lasts a minute.
func peak(tr sim.Trace) float64 {
	const minute = 60
	most, sum := 0.0, 0.0
	for t, rate := range tr.Arrived {
		if sum += rate; t >= minute {
			sum -= tr.Arrived[t-minute]
		}
		most = max(most, sum/math.Min(minute, float64(t+1)))
	}
	return most
}
