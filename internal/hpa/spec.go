package hpa

import "time"

// Milli is a metric's value in thousandths, the resolution to which upstream reads every quantity (Quantity.MilliValue).
type Milli int64

// Unit is one whole in thousandths: 40000*Unit is the quantity "40000".
const Unit Milli = 1000

// Spec is what a HorizontalPodAutoscaler object says. It must not be changed after [New].
type Spec struct {
	// MinReplicas is the lower bound; 0 means the API's default of 1, unless MinZero says that 0 is meant.
	MinReplicas int32
	// MinZero is minReplicas: 0. The API server takes it with an External or Object metric and the gate HPAScaleToZero; what was stored while
	// the gate was on stays after it is off, and the controller then scales to 0 and never back.
	MinZero bool
	// MaxReplicas is the upper bound, at least 1 and not below MinReplicas.
	MaxReplicas int32
	// AverageValue is short for Metrics of one External metric with this target per pod. Either it or Metrics is given.
	AverageValue Milli
	// Metrics are what the autoscaler reads; the largest proposal counts.
	Metrics []MetricSpec
	// Behavior is spec.behavior. Nil and empty are not the same: nil takes upstream's older path with its fixed rates, see [Controller.Sync].
	Behavior *Behavior
	// Settings are the controller's own; nil means [DefaultSettings].
	Settings *Settings
}

// minimum is the lower bound with its default.
func (s Spec) minimum() int32 {
	if s.MinZero {
		return 0
	}
	return max(s.MinReplicas, 1)
}

// metrics is the list that counts.
func (s Spec) metrics() []MetricSpec {
	if s.Metrics == nil && s.AverageValue != 0 {
		return []MetricSpec{{Source: External, Target: Target{AverageValue: s.AverageValue}}}
	}
	return s.Metrics
}

func (s Spec) settings() Settings {
	if s.Settings == nil {
		return DefaultSettings()
	}
	return *s.Settings
}

// MetricSpec is one entry of spec.metrics.
type MetricSpec struct {
	Source Source
	// Name is the metric's, or the resource's: "cpu", "memory". Metrics with different selectors or objects need different names here.
	Name string
	// Container is the container whose resource counts, with [ContainerResource] alone.
	Container string
	Target    Target
}

// Source is where a metric comes from, spec.metrics[].type.
type Source string

// The sources.
const (
	External          Source = "External"          // external.metrics.k8s.io.
	Object            Source = "Object"            // custom.metrics.k8s.io, of one object.
	PodsMetric        Source = "Pods"              // custom.metrics.k8s.io, of each pod.
	Resource          Source = "Resource"          // metrics.k8s.io, of each pod.
	ContainerResource Source = "ContainerResource" // metrics.k8s.io, of one container of each pod.
)

// Target is what a metric shall be. Exactly one field is set, and above 0.
type Target struct {
	// AverageValue is per pod; with every source.
	AverageValue Milli
	// Value is of the whole; with External and Object.
	Value Milli
	// Utilization is in percent of the request; with Resource and ContainerResource.
	Utilization int32
}

// Behavior is spec.behavior. A nil direction, and every field that a direction leaves out, takes the API's default
// (GenerateHPAScaleUpRules and GenerateHPAScaleDownRules in pkg/apis/autoscaling/v2).
type Behavior struct {
	ScaleUp   *Rules
	ScaleDown *Rules
}

// Rules are the scaling rules of one direction.
type Rules struct {
	// StabilizationWindow is in whole seconds, 0 to 1 hour; nil means 0 for scaling up and [Settings.DownscaleStabilization] for scaling down.
	StabilizationWindow *time.Duration
	// Select chooses among the policies; empty means [MaxChange].
	Select SelectPolicy
	// Policies bound the rate. Nil means 4 pods or 100 % in 15 s for scaling up, 100 % in 15 s for scaling down; empty is an error.
	Policies []Policy
	// Tolerance is a share, 0 or more, as Quantity.AsApproximateFloat64 gives it; nil means [Settings.Tolerance].
	// Clusters before 1.35 ignore the field unless the gate HPAConfigurableTolerance is set.
	Tolerance *float64
}

// SelectPolicy says which policy of a direction counts.
type SelectPolicy string

// The values of selectPolicy.
const (
	MaxChange SelectPolicy = "Max"      // The policy that allows the largest change.
	MinChange SelectPolicy = "Min"      // The policy that allows the smallest change.
	Disabled  SelectPolicy = "Disabled" // No change in this direction.
)

// PolicyType says in what a policy's value counts.
type PolicyType string

// The types of a scaling policy.
const (
	Pods    PolicyType = "Pods"
	Percent PolicyType = "Percent"
)

// Policy allows a change of Value pods, or Value percent of the replicas at the period's start, in any Period.
type Policy struct {
	Type PolicyType
	// Value is above 0.
	Value int32
	// Period is in whole seconds, above 0, at most 30 minutes.
	Period time.Duration
}
