package hpa

import (
	"errors"
	"math"
	"time"
)

// ErrNoItems is the error of a metric that answered with an empty list; upstream's metrics clients treat it like a failed call.
var ErrNoItems = errors.New("no metrics returned from the metrics API")

// Metric is one answer of a metrics API. Of Items it has no timestamps because upstream never looks at them: an old value counts like a fresh one.
type Metric struct {
	// Items are the values of the series that matched the selector, with External; with Object the object's one value.
	Items []Milli
	// Samples are the values of pods, with the sources Pods, Resource and ContainerResource. A pod without a sample is missing.
	Samples []Sample
	// Err says that the call failed; the values are ignored then.
	Err error
}

// Sample is the value of one pod.
type Sample struct {
	Pod   string
	Value Milli
	// At and Window say when the value was measured and over how long before that. They count with the processor alone.
	At     time.Time
	Window time.Duration
}

// Value is a metric of one item.
func Value(v Milli) Metric { return Metric{Items: []Milli{v}} }

// total adds the items up for an AverageValue. As in upstream's GetExternalPerPodMetricReplicas a sum below 0 is taken for an overflow and
// becomes the largest value there is, so a negative item asks for the maximum of replicas.
func (m Metric) total() (Milli, error) {
	if err := m.fault(); err != nil {
		return 0, err
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

// totalCapped adds the items up for a Value, where negative ones count as such (GetExternalMetricReplicas).
func (m Metric) totalCapped() (Milli, error) {
	if err := m.fault(); err != nil {
		return 0, err
	}
	var sum Milli
	for _, v := range m.Items {
		if v > 0 && sum > math.MaxInt64-v {
			return math.MaxInt64, nil
		}
		sum += v
	}
	return sum, nil
}

// first is the value of an object.
func (m Metric) first() (Milli, error) {
	if err := m.fault(); err != nil {
		return 0, err
	}
	return m.Items[0], nil
}

func (m Metric) fault() error {
	if m.Err != nil {
		return m.Err
	}
	if len(m.Items) == 0 {
		return ErrNoItems
	}
	return nil
}
