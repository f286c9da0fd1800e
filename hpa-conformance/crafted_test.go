package conformance

import (
	"testing"
	"time"

	"spillway/hpa-conformance/trace"
	"spillway/internal/hpa"
)

// crafted is a corner that chance finds once in a million decisions: a change that was once too old for the policies gives its place to the next one,
// although it would count again after the policies were given longer periods.
func crafted(t *testing.T) *trace.Trace {
	t.Helper()
	spec := func(pods int32, period time.Duration) hpa.Spec {
		settings := hpa.DefaultSettings()
		return hpa.Spec{
			MaxReplicas: 100, Settings: &settings,
			Metrics:  []hpa.MetricSpec{{Source: hpa.External, Name: "backlog", Target: hpa.Target{AverageValue: hpa.Unit}}},
			Behavior: &hpa.Behavior{ScaleUp: &hpa.Rules{Policies: []hpa.Policy{{Type: hpa.Pods, Value: pods, Period: period}}}},
		}
	}
	at := func(replicas int32, wanted hpa.Milli) trace.Step {
		return trace.Step{Scene: hpa.Scene{
			Scale:   hpa.Scale{Spec: replicas, Status: replicas},
			Metrics: []hpa.Metric{hpa.Value(wanted * hpa.Unit)},
		}}
	}
	many, few := at(9, 20), at(20, 100)
	many.Spec, few.Spec = new(spec(100, 10*time.Minute)), new(spec(14, 10*time.Minute))
	c := &trace.Trace{Period: hpa.SyncPeriod, Spec: spec(2, 15*time.Second)}
	c.Steps = []trace.Step{at(1, 100), at(3, 100), at(5, 100), at(7, 7), at(7, 100), many, few}
	return again(t, c)
}

func TestCrafted(t *testing.T) {
	c := crafted(t)
	if d := trace.Replay(c, nil); d != nil {
		t.Error(d)
	}
	if last := c.Steps[len(c.Steps)-1].Did; last.Desired != 21 {
		t.Errorf("the real controller went to %d, the corner is where it goes to 21", last.Desired)
	}
}
