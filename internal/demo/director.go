package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"spillway/internal/demo/page"
)

// errCompared is why nothing may be turned while two policies are compared.
var errCompared = errors.New("two policies are being compared on the same load; start the demo without --policy=both to play")

// faults are what is wrong with Cloud Monitoring on purpose.
type faults struct{ gap, region bool }

// Direct does what a control of the page asks for. Whatever somebody turns, the show goes on until Ctrl-C from then on.
func (a *act) Direct(ctx context.Context, o page.Order) error {
	if a.opts.Policy == policyBoth {
		return errCompared
	}
	kind, text, err := a.carryOut(ctx, o)
	if err != nil {
		return err
	}
	a.dial.take()
	a.note(kind, text)
	return nil
}

// carryOut does it and says what was done.
func (a *act) carryOut(ctx context.Context, o page.Order) (kind, text string, err error) {
	switch o.Do {
	case page.ActionRate:
		a.dial.setRate(o.Value)
		return "load", "the load is " + rate(o.Value) + " from here on", nil
	case page.ActionSpike:
		a.dial.startSpike()
		return "load", fmt.Sprintf("spike: %d times the load for %s", spikeFactor, clock(a.pace.Wall(spikeLasts))), nil
	case page.ActionBulk:
		return "load", "bulk: " + number(a.dial.bulk()) + " messages at once", nil
	case page.ActionPolicy:
		return "control", "the HPA scales on " + policyWords(o.Policy) + " from here on", a.scaler.setPolicy(policyOf(o.Policy, a.pace))
	case page.ActionSlow:
		a.stage.bench.setSlow(o.On)
		return "trouble", fmt.Sprintf("the handler takes %s a message", a.workTime(o.On)), nil
	case page.ActionKill:
		return a.kill(o.Worker)
	case page.ActionCut:
		return a.cut(o.Worker, o.On)
	case page.ActionGap, page.ActionRegion:
		return a.breakMonitoring(ctx, o)
	}
	return "", "", fmt.Errorf("%q is no action", o.Do)
}

func (a *act) workTime(slow bool) string {
	if slow {
		return (a.opts.WorkTime * slowness).String()
	}
	return a.opts.WorkTime.String()
}

func (a *act) kill(name string) (kind, text string, err error) {
	desks, _ := a.stage.bench.state()
	name, err = a.stage.fleet.Kill(name)
	if err != nil {
		return "", "", err
	}
	return "trouble", fmt.Sprintf("kill -9 %s, which had %d messages in flight", name, desks[name].inFlight), nil
}

// cut cuts a worker off, the newest that is whole unless one is named.
func (a *act) cut(name string, on bool) (kind, text string, err error) {
	if name == "" {
		name = a.stage.whole()
	}
	if err := a.stage.wiring.cut(name, on); err != nil {
		return "", "", err
	}
	if on {
		return "trouble", "the network of " + name + " is cut: packets vanish in both directions", nil
	}
	return "control", "the network of " + name + " is mended", nil
}

// breakMonitoring makes the emulated Cloud Monitoring leave samples out, or puts it right.
func (a *act) breakMonitoring(ctx context.Context, o page.Order) (kind, text string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	want := a.faults
	kind = map[bool]string{true: "trouble", false: "control"}[o.On]
	if o.Do == page.ActionGap {
		want.gap = o.On
		text = map[bool]string{true: "a gap in Monitoring: no new samples", false: "the gap in Monitoring is over"}[o.On]
	} else {
		want.region = o.On
		text = "the region " + otherRegion + map[bool]string{true: " is missing from Monitoring, and with it every total", false: " is back in Monitoring"}[o.On]
	}
	if err := a.stage.setFaults(ctx, want); err != nil {
		return "", "", err
	}
	a.faults = want
	return kind, text, nil
}

// setFaults tells the emulator what is to be wrong.
func (s *stage) setFaults(ctx context.Context, f faults) error {
	list := []string{}
	if f.gap {
		list = append(list, "gap")
	}
	if f.region {
		list = append(list, "region,region="+otherRegion)
	}
	body, err := json.Marshal(map[string][]string{"monitoring": list})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.emulator.address+"/admin/faults", bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("setting the emulator's faults: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("setting the emulator's faults: %s", answer.Status)
	}
	return nil
}

// whole is the newest worker that serves and whose network is whole, empty if there is none.
func (s *stage) whole() string {
	cut := s.wiring.cutOff()
	name := ""
	for _, w := range s.fleet.Addresses() {
		if !slices.Contains(cut, w[0]) {
			name = w[0]
		}
	}
	return name
}
