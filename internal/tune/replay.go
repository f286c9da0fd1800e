package tune

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"spillway/internal/config"
	"spillway/internal/hpa"
	"spillway/internal/nowcast"
	"spillway/internal/recording"
	"spillway/internal/sim"
)

// ReplayOptions says what to hold a recording against. Capacity, StartUp, the bounds, the autoscaler and the report are those of Options.
type ReplayOptions struct {
	Options
	// File is a recording of backlog-exporter's --record.
	File string
	// Target is that of a raw backlog; Drain and Headroom are the law's T and h; 0 where they were not given.
	Target   float64
	Drain    time.Duration
	Headroom float64
}

// DefaultReplayOptions returns the same SLO and delay as tune's.
func DefaultReplayOptions() ReplayOptions { return ReplayOptions{Options: DefaultOptions()} }

// RegisterFlags binds the options to their flags.
func (o *ReplayOptions) RegisterFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Subscription, "subscription", o.Subscription, "flow of the recording: projects/P/subscriptions/S, with @NAMESPACE/NAME for that of an autoscaler (default: its only one)")
	fs.Float64Var(&o.Target, "target", o.Target, "what if: raw backlog with so many messages a pod")
	fs.DurationVar(&o.Drain, "drain", o.Drain, "what if: desired replicas with this T, the time in which waiting work is to be done")
	fs.Float64Var(&o.Headroom, "headroom", o.Headroom, "what if: desired replicas with this h, which the arrivals are multiplied with")
	o.registerAutoscaler(fs)
	fs.Lookup("hpa").Usage = "what if: YAML file of another HorizontalPodAutoscaler"
	fs.Lookup("name").Usage = "what if: name of a HorizontalPodAutoscaler in the cluster"
	fs.Float64Var(&o.Capacity, "capacity", o.Capacity, "messages a second that one busy pod settles (default: what the law had learned)")
	fs.DurationVar(&o.StartUp, "start-up", o.StartUp, "time until a new pod takes messages (default: that of the pods in the recording)")
	fs.DurationVar(&o.SLO, "slo", o.SLO, "oldest that a waiting message may get")
	fs.Int32Var(&o.Min, "min", o.Min, "fewest pods (default: the autoscaler's, or 2)")
	fs.Int32Var(&o.Max, "max", o.Max, "most pods (default: the autoscaler's, or 20)")
	fs.IntVar(&o.Seeds, "seeds", o.Seeds, "runs of each policy with other noise; the worst counts")
	fs.Lookup("start-up").DefValue = "0s"
	for _, name := range []string{"min", "max"} {
		fs.Lookup(name).DefValue = "0"
	}
}

// Validate returns every fault at once.
func (o *ReplayOptions) Validate() error {
	var errs config.Errors
	if o.File == "" {
		errs.Add("FILE", "", "is required", "give a recording of backlog-exporter --record=FILE")
	}
	checkFile(&errs, "FILE", o.File)
	errs.Check(o.Capacity == 0 || (o.Capacity >= 1e-3 && o.Capacity <= 1e7), "--capacity", o.Capacity, "is not a capacity", "give 0.001 to 10000000 messages a second")
	errs.Check(o.StartUp == -1 || (o.StartUp >= 0 && o.StartUp <= time.Hour), "--start-up", o.StartUp, "is out of range", "give 0s to 1h")
	errs.Check(o.Target == 0 || (o.Target >= 1 && o.Target <= 1e12), "--target", o.Target, "is not a target", "give at least 1 message a pod")
	errs.Check(o.Drain == 0 || (o.Drain >= time.Second && o.Drain <= 24*time.Hour), "--drain", o.Drain, "is out of range", "give 1s to 24h")
	errs.Check(o.Headroom == 0 || (o.Headroom >= 1 && o.Headroom <= 10), "--headroom", o.Headroom, "is out of range", "give 1 to 10")
	o.validateRest(&errs)
	o.validateBounds(&errs)
	o.validateOutputs(&errs, [][2]string{{"FILE", o.File}})
	return errs.Err()
}

// Replay is one run of `spillway replay`.
type Replay struct {
	App
	opts ReplayOptions
}

// NewReplay checks the options. The answer is written to out and the progress, which is for people, to progress. The error has every fault.
func NewReplay(opts ReplayOptions, out, progress io.Writer) (*Replay, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	app := App{opts: opts.Options, out: out, status: newStatus(progress), client: &http.Client{Timeout: requestBound}, now: time.Now}
	return &Replay{App: app, opts: opts}, nil
}

// Run reads the recording, plays what would have happened and prints it. It is called once.
func (r *Replay) Run(ctx context.Context) error {
	defer r.client.CloseIdleConnections()
	defer r.status.clear()
	present, start, err := r.present(ctx)
	if err != nil {
		return err
	}
	x, err := r.read()
	if err != nil {
		return err
	}
	trace, was := x.close(filepath.Base(r.opts.File))
	answer := &Answer{Title: "spillway replay", Trace: trace, Present: present, Peak: peak(trace), CapacityBy: "given", StartUpBy: start.by, Noted: x.notes()}
	answer.Laws = Laws{Capacity: r.opts.Capacity, Delay: r.opts.Delay.Seconds(), StartUp: start.time.Seconds(), SLO: r.opts.SLO.Seconds()}
	if answer.Laws.Capacity == 0 {
		answer.Laws.Capacity, answer.CapacityBy = median(x.capacities), "learned then"
	}
	if answer.Laws.Capacity == 0 {
		return &config.Error{Key: "--capacity", Problem: "is required", Cure: "the recording does not tell what a pod can do; give the messages a second of one busy pod"}
	}
	if len(x.starts) > 0 && r.opts.StartUp < 0 {
		answer.Laws.StartUp, answer.StartUpBy = median(x.starts), "the median in the recording"
	}
	if err := r.play(ctx, answer, x, was); err != nil {
		return err
	}
	r.status.clear()
	return r.conclude(bytes.NewBufferString(answer.Text()), answer, "")
}

// play plays what would have happened with each setting, beside what did.
func (r *Replay) play(ctx context.Context, answer *Answer, x *incident, was sim.Outcome) error {
	low, high, err := r.bounds(answer.Present)
	if err != nil {
		return err
	}
	f := &flow{
		laws: answer.Laws, trace: answer.Trace, fullCPU: r.opts.FullCPU, scrape: shippedScrape, seeds: r.opts.Seeds,
		keep: max(1, len(answer.Trace.Arrived)/timelinePoints), replicas: max(0, int32(min(x.first, math.MaxInt16))), //nolint:gosec // bounded here
	}
	list := r.settings(answer, x.law)
	for i := range list {
		list[i].Policy.Spec.MinReplicas, list[i].Policy.Spec.MaxReplicas = low, high
	}
	n := 0
	if err := f.all(ctx, list, func(name string) { n++; r.status.say(fmt.Sprintf("playing %d of %d: %s", n, len(list), name)) }); err != nil {
		return err
	}
	was.Floor = list[0].Outcome.Floor
	answer.Played = append([]Played{{Name: "as it was", Outcome: was}}, list...)
	answer.Max = int(high)
	answer.Verdict = verdict(answer.Played)
	return nil
}

// settings are the policies to play; the last is the law with what was given of T and h.
func (r *Replay) settings(answer *Answer, law nowcast.Law) []Played {
	var list []Played
	desired := sim.OnDesired()
	desired.Law = law
	desired.Law.Min, desired.Law.Max = 0, 0 // The autoscaler's bounds count.
	if p := answer.Present; p != nil {
		list = append(list, Played{Name: "what if: " + describe(p), Policy: policyOf(p), Present: true, Target: target(p)})
	}
	if r.opts.Target > 0 {
		p := sim.OnBacklog(1)
		if a := answer.Present; a != nil {
			p.Spec.Behavior = a.Spec.Behavior
		}
		p.Spec.AverageValue = hpa.Milli(r.opts.Target) * hpa.Unit
		list = append(list, Played{Name: "what if: backlog, " + number(r.opts.Target) + " a pod", Policy: p, Target: r.opts.Target})
	}
	name := func(l nowcast.Law) string {
		return fmt.Sprintf("%s, T = %s, h = %s", desiredName, seconds(l.Drain.Seconds()), number(l.Headroom))
	}
	list = append(list, Played{Name: "played again: " + name(law), Policy: desired})
	if r.opts.Drain > 0 || r.opts.Headroom > 0 {
		if r.opts.Drain > 0 {
			desired.Law.Drain = r.opts.Drain
		}
		if r.opts.Headroom > 0 {
			desired.Law.Headroom = r.opts.Headroom
		}
		list = append(list, Played{Name: "what if: " + name(desired.Law), Policy: desired})
	}
	return list
}

// verdict says what would have happened, in a line for each setting.
func verdict(list []Played) string {
	was := list[0].Outcome
	lines := make([]string, 0, len(list)-1)
	for _, p := range list[1:] {
		o := p.Outcome
		lines = append(lines, fmt.Sprintf("With %s: %.1f min over the SLO instead of %.1f, %s pod-hours instead of %s, oldest message %s instead of %s.",
			strings.TrimPrefix(strings.TrimPrefix(p.Name, "what if: "), "played again: "), o.SLOMinutes, was.SLOMinutes, hours(o.PodHours), hours(was.PodHours), seconds(o.MaxAge), seconds(was.MaxAge)))
	}
	return strings.Join(lines, "\n")
}

// notes say how far the recording can be believed.
func (x *incident) notes() []string {
	notes := []string{fmt.Sprintf("Recorded from %s to %s: %d ticks; the law says the same as then at %d of them.",
		x.began.UTC().Format(time.RFC3339), x.last.UTC().Format(time.RFC3339), x.ticks, x.same)}
	if x.delivered == 0 {
		notes = append(notes, "No worker was scraped: the arrivals are what Cloud Monitoring said of them, a minute to a value.")
	}
	return notes
}

// read reads the flow's ticks.
func (r *Replay) read() (*incident, error) {
	r.status.say("reading " + r.opts.File)
	file, err := os.Open(r.opts.File)
	if err != nil {
		return nil, &config.Error{Key: "FILE", Value: r.opts.File, Problem: err.Error()}
	}
	defer func() { _ = file.Close() }()
	x := &incident{slo: r.opts.SLO.Seconds()}
	var flows []string
	for tick, err := range recording.Read(file) {
		if err != nil {
			return nil, &config.Error{Key: "FILE", Value: r.opts.File, Problem: err.Error()}
		}
		name := flowName(tick.Flow)
		if !slices.Contains(flows, name) {
			flows = append(flows, name)
		}
		if r.opts.Subscription != "" && name != r.opts.Subscription {
			continue
		}
		if r.opts.Subscription == "" && len(flows) > 1 {
			continue // All names are told.
		}
		if !x.take(&tick) {
			break
		}
	}
	if err := r.fits(flows, x); err != nil {
		return nil, err
	}
	return x, nil
}

// fits says why a recording cannot be played.
func (r *Replay) fits(flows []string, x *incident) error {
	list := strings.Join(flows, ", ")
	switch {
	case r.opts.Subscription != "" && !slices.Contains(flows, r.opts.Subscription):
		return &config.Error{Key: "--subscription", Value: r.opts.Subscription, Problem: "is not in the recording", Cure: "it has " + list}
	case r.opts.Subscription == "" && len(flows) > 1:
		return &config.Error{Key: "--subscription", Problem: "is required", Cure: "the recording has " + list}
	case x.last.Sub(x.began) < time.Minute:
		return &config.Error{Key: "FILE", Value: r.opts.File, Problem: fmt.Sprintf("has %d ticks, less than a minute", x.ticks), Cure: "record for longer"}
	}
	return nil
}

func flowName(f recording.Flow) string {
	if f.Autoscaler != "" {
		return f.Subscription.String() + "@" + f.Autoscaler
	}
	return f.Subscription.String()
}
