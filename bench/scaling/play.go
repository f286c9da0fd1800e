package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"sync"
	"time"

	"spillway/deploy"
	"spillway/internal/autoscaling"
	"spillway/internal/hpa"
	"spillway/internal/sim"
)

// phases are the seconds of the sample clock at which a burst can begin.
const phases = 60

// play runs a policy over a trace with every seed, and with every phase of the sample clock where the trace has an onset, and takes the worst of
// every figure. The phases are dealt out among the seeds.
func (b *bench) play(ctx context.Context, tr sim.Trace, p sim.Policy, change func(*sim.Setup)) (sim.Outcome, error) {
	var setups []sim.Setup
	add := func(seed uint64, phase int) {
		s := sim.DefaultSetup(tr, p, seed)
		if phase >= 0 {
			s.SamplePhase = phase
		}
		if change != nil {
			change(&s)
		}
		setups = append(setups, s)
	}
	if tr.Onset == 0 {
		for seed := range b.seeds {
			add(seed, -1)
		}
	} else {
		for phase := range phases {
			add(uint64(phase)%b.seeds, phase)
		}
	}
	return worst(ctx, setups)
}

// worst plays setups on all processors.
func worst(ctx context.Context, setups []sim.Setup) (sim.Outcome, error) {
	outcomes, errs := make([]sim.Outcome, len(setups)), make([]error, len(setups))
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				outcomes[i], errs[i] = sim.Run(setups[i])
			}
		})
	}
	for i := range setups {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return sim.Outcome{}, fmt.Errorf("playing: %w", err)
	}
	out := outcomes[0]
	for _, o := range outcomes[1:] {
		out = sim.Worse(out, o)
	}
	return out, nil
}

// shipped is the autoscaler of one of deploy's components: bounds, behavior and target.
func shipped(component string) (hpa.Spec, error) {
	content, err := fs.ReadFile(deploy.Manifests(), "components/"+component+"/hpa.yaml")
	if err != nil {
		return hpa.Spec{}, fmt.Errorf("reading the shipped autoscaler: %w", err)
	}
	a, err := autoscaling.Parse(bytes.NewReader(content))
	if err != nil {
		return hpa.Spec{}, fmt.Errorf("reading the shipped autoscaler: %w", err)
	}
	return a.Spec, nil
}

// with gives a policy the autoscaler that ships for what it looks at; the raw backlog's target stays.
func with(p sim.Policy) (sim.Policy, error) {
	component := map[sim.Signal]string{
		sim.RawBacklog: "hpa-backlog", sim.Processor: "hpa-cpu", sim.Desired: "hpa-desired-replicas", sim.DesiredRemote: "hpa-desired-replicas",
	}[p.Signal]
	spec, err := shipped(component)
	if p.Signal == sim.RawBacklog {
		spec.AverageValue = p.Spec.AverageValue
	}
	p.Spec = spec
	return p, err
}

func (b *bench) measureSpeed(context.Context) error {
	p, err := with(sim.OnDesired())
	if err != nil {
		return err
	}
	const days = 20
	begin := time.Now()
	for seed := range uint64(days) {
		if _, err := sim.Run(sim.DefaultSetup(sim.BlackFriday(), p, seed)); err != nil {
			return fmt.Errorf("playing: %w", err)
		}
	}
	b.add("sim_days_per_second", days/time.Since(begin).Seconds(), "1/s")
	return nil
}
