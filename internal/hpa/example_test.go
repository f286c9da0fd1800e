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
