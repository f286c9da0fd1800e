package hpa_test

import (
	"fmt"
	"time"

	"spillway/internal/hpa"
)

// A burst of 200,000 messages at 40000 per pod, then silence.
func ExampleController_Sync() {
	c, err := hpa.New(hpa.Spec{MinReplicas: 2, MaxReplicas: 20, AverageValue: 40000 * hpa.Unit, Behavior: &hpa.Behavior{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	now, replicas := time.Unix(0, 0), int32(2)
	for _, messages := range []int64{50000, 200000, 0} {
		d := c.Sync(now, replicas, replicas, hpa.Value(hpa.Milli(messages)*hpa.Unit))
		fmt.Println(messages, d.Desired, d.Reason)
		replicas, now = d.Desired, now.Add(hpa.SyncPeriod)
	}
	// Output:
	// 50000 2 DesiredWithinRange
	// 200000 5 DesiredWithinRange
	// 0 5 ScaleDownStabilized
}

// A deployment of three pods, one of which has no sample yet, by processor time.
func ExampleController_Reconcile() {
	c, err := hpa.New(hpa.Spec{MinReplicas: 2, MaxReplicas: 20, Metrics: []hpa.MetricSpec{
		{Source: hpa.Resource, Name: "cpu", Target: hpa.Target{Utilization: 50}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC)
	scene := hpa.Scene{Scale: hpa.Scale{Spec: 3, Status: 3}, Metrics: make([]hpa.Metric, 1)}
	for _, name := range []string{"a", "b", "c"} {
		scene.Pods = append(scene.Pods, hpa.Pod{
			Name: name, Phase: hpa.Running, Started: now.Add(-time.Hour), Ready: hpa.ReadyTrue, ReadySince: now.Add(-time.Hour),
			Containers: []hpa.Container{{Name: "app", Requests: map[string]hpa.Milli{"cpu": 500}}},
		})
	}
	for _, name := range []string{"a", "b"} {
		scene.Metrics[0].Samples = append(scene.Metrics[0].Samples, hpa.Sample{Pod: name, Value: 490, At: now})
	}
	out := c.Reconcile(now, hpa.Status{}, scene)
	fmt.Println(out.Desired, out.Proposals[0].Rule, out.Proposals[0].Missing, out.Events[0].Message)
	for _, condition := range out.Status.Conditions {
		fmt.Println(condition.Type, condition.Holds, condition.Reason)
	}
	// Output:
	// 4 MissingFilledIn 1 from 3 to 4 replicas: cpu utilization is above its target
	// AbleToScale true SucceededRescale
	// ScalingActive true ValidMetricFound
	// ScalingLimited false DesiredWithinRange
}
