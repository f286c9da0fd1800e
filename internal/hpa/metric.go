package hpa

import (
	"errors"
	"math"
)

// ErrNoItems is the error of a metric that answered with an empty list; upstream's GetExternalMetric treats it like a failed call.
var ErrNoItems = errors.New("no metrics returned from the external metrics API")

// Metric is one answer of the external metrics API. The samples' timestamps are absent because upstream never looks at them:
// an old value counts like a fresh one.
type Metric struct {
	// Items are the values of the series that matched the selector. They are added up.
	Items []Milli
	// Err says that the call failed; Items are ignored then.
	Err error
}

// Value is a metric of one item.
func Value(v Milli) Metric { return Metric{Items: []Milli{v}} }

// total adds the items up. As in upstream's GetExternalPerPodMetricReplicas a sum below 0 is taken for an overflow and becomes the largest
// value there is, so a negative item asks for the maximum of replicas.
func (m Metric) total() (Milli, error) {
	if m.Err != nil {
		return 0, m.Err
	}
	if len(m.Items) == 0 {
		return 0, ErrNoItems
	}
	var sum Milli
	for _, v := range m.Items {
		sum += v
		if sum < 0 {
			return math.MaxInt64, nil
		}
	}
	return sum, nil
}

// propose is how many replicas the metric asks for, and whether the reason is that it is within tolerance
// (GetExternalPerPodMetricReplicas and isWithin in upstream's replica_calculator.go). Within tolerance the answer is the replicas that exist
// (status), not those that were asked for. Neither spec.replicas nor the readiness of pods plays a part. With status 0 the ratio is infinite
// or not a number, which is never within tolerance.
func (c *Controller) propose(status int32, usage Milli) (want int32, within bool) {
	ratio := float64(usage) / (float64(c.target) * float64(status))
	if 1-c.down.tolerance <= ratio && ratio <= 1+c.up.tolerance {
		return status, true
	}
	pods := math.Ceil(float64(usage) / float64(c.target))
	if pods > math.MaxInt32 {
		return math.MaxInt32, false
	}
	return int32(pods), false
}
