package hpa

// Reason says which rule shaped a decision, in the words of the HorizontalPodAutoscaler's own conditions where it has them.
type Reason string

// The reasons, in the order in which the rules come; a later one that changes the number replaces an earlier one.
const (
	ReasonDisabled        Reason = "ScalingDisabled"         // The target is at 0 replicas.
	ReasonAboveMax        Reason = "AboveMaxReplicas"        // The target was above the maximum.
	ReasonBelowMin        Reason = "BelowMinReplicas"        // The target was below the minimum.
	ReasonMetricError     Reason = "FailedGetExternalMetric" // The metric was not readable: frozen.
	ReasonWithinTolerance Reason = "WithinTolerance"         // The metric is too near its target to act.
	ReasonMetric          Reason = "DesiredWithinRange"      // The metric's own proposal.
	ReasonUpStabilized    Reason = "ScaleUpStabilized"       // A lower proposal inside the scale-up window counts.
	ReasonDownStabilized  Reason = "ScaleDownStabilized"     // A higher proposal inside the scale-down window counts.
	ReasonScaleUpLimit    Reason = "ScaleUpLimit"            // The policies allow no faster rise.
	ReasonScaleDownLimit  Reason = "ScaleDownLimit"          // The policies allow no faster fall.
	ReasonTooManyReplicas Reason = "TooManyReplicas"         // The maximum.
	ReasonTooFewReplicas  Reason = "TooFewReplicas"          // The minimum.
)

// stabilizedReason names the window that replaced want. The direction is that of the proposal, as in stabilizeRecommendationWithBehaviors.
func stabilizedReason(spec, want int32) Reason {
	if want >= spec {
		return ReasonUpStabilized
	}
	return ReasonDownStabilized
}
