package hpa

import "time"

// SyncPeriod is the time between two syncs of one autoscaler, the default of --horizontal-pod-autoscaler-sync-period.
const SyncPeriod = 15 * time.Second

// DefaultTolerance is the share by which the metric may miss its target without a change, the default of --horizontal-pod-autoscaler-tolerance.
const DefaultTolerance = 0.1

// DefaultDownscaleStabilization is the scale-down window of an autoscaler that names none, the default of
// --horizontal-pod-autoscaler-downscale-stabilization.
const DefaultDownscaleStabilization = 5 * time.Minute

// Milli is a metric's value in thousandths, the resolution to which upstream reads every quantity (Quantity.MilliValue).
type Milli int64

// Unit is one whole in thousandths: 40000*Unit is the quantity "40000".
const Unit Milli = 1000

// Spec is what a HorizontalPodAutoscaler object says. It must not be changed after [New].
type Spec struct {
	// MinReplicas is the lower bound; 0 means the API's default of 1.
	MinReplicas int32
	// MaxReplicas is the upper bound, at least 1 and not below MinReplicas.
	MaxReplicas int32
	// AverageValue is the target per pod, above 0.
	AverageValue Milli
	// Behavior is spec.behavior. Nil and empty are not the same: nil takes upstream's older path with its fixed rates, see [Controller.Sync].
	Behavior *Behavior
}

// Behavior is spec.behavior. A nil direction, and every field that a direction leaves out, takes the API's default
// (GenerateHPAScaleUpRules and GenerateHPAScaleDownRules in pkg/apis/autoscaling/v2).
type Behavior struct {
	ScaleUp   *Rules
	ScaleDown *Rules
}

// Rules are the scaling rules of one direction.
type Rules struct {
	// StabilizationWindow is in whole seconds, 0 to 1 hour; nil means 0 for scaling up and [DefaultDownscaleStabilization] for scaling down.
	StabilizationWindow *time.Duration
	// Select chooses among the policies; empty means [MaxChange].
	Select SelectPolicy
	// Policies bound the rate. Nil means 4 pods or 100 % in 15 s for scaling up, 100 % in 15 s for scaling down; empty is an error.
	Policies []Policy
	// Tolerance is a share, 0 or more, as Quantity.AsApproximateFloat64 gives it; nil means [DefaultTolerance].
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
