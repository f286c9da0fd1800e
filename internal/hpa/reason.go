package hpa

// Reason says which rule shaped a decision, a condition or an event, in the words of the HorizontalPodAutoscaler's own conditions and events
// where it has them.
type Reason string

// The reasons of decisions, in the order in which the rules come; a later one that changes the number replaces an earlier one.
const (
	ReasonNoScale         Reason = "FailedGetScale"          // The scale target was not readable.
	ReasonDisabled        Reason = "ScalingDisabled"         // The target is at 0 replicas.
	ReasonAboveMax        Reason = "AboveMaxReplicas"        // The target was above the maximum.
	ReasonBelowMin        Reason = "BelowMinReplicas"        // The target was below the minimum.
	ReasonSelector        Reason = "InvalidSelector"         // The target's selector cannot be used: frozen.
	ReasonAmbiguous       Reason = "AmbiguousSelector"       // Another autoscaler has the same pods: frozen.
	ReasonMetricError     Reason = "FailedGetExternalMetric" // The metric was not readable: frozen. Object, Pods, Resource likewise.
	ReasonWithinTolerance Reason = "WithinTolerance"         // The metric is too near its target to act.
	ReasonMetric          Reason = "DesiredWithinRange"      // The metric's own proposal.
	ReasonUpStabilized    Reason = "ScaleUpStabilized"       // A lower proposal inside the scale-up window counts.
	ReasonDownStabilized  Reason = "ScaleDownStabilized"     // A higher proposal inside the scale-down window counts.
	ReasonScaleUpLimit    Reason = "ScaleUpLimit"            // The policies allow no faster rise.
	ReasonScaleDownLimit  Reason = "ScaleDownLimit"          // The policies allow no faster fall.
	ReasonTooManyReplicas Reason = "TooManyReplicas"         // The maximum.
	ReasonTooFewReplicas  Reason = "TooFewReplicas"          // The minimum.
)

// The other reasons of conditions and events.
const (
	ReasonGotScale      Reason = "SucceededGetScale"            // AbleToScale: the target was read.
	ReasonReady         Reason = "ReadyForNewScale"             // AbleToScale: no window holds anything back.
	ReasonRescaled      Reason = "SucceededRescale"             // AbleToScale: the replicas were changed.
	ReasonNotUpdated    Reason = "FailedUpdateScale"            // AbleToScale: the change met an error.
	ReasonValidMetric   Reason = "ValidMetricFound"             // ScalingActive: at least one metric counts.
	ReasonToZero        Reason = "ScaledToZero"                 // ScaledToZero: the autoscaler did it.
	ReasonNotToZero     Reason = "NotScaledToZero"              // ScaledToZero: the last change was another.
	ReasonEventRescale  Reason = "SuccessfulRescale"            // Event: the replicas were changed.
	ReasonEventFailed   Reason = "FailedRescale"                // Event: the change met an error.
	ReasonEventFrozen   Reason = "FailedComputeMetricsReplicas" // Event: no number of replicas.
	ReasonEventNoStatus Reason = "FailedUpdateStatus"           // Event: the status was not written.
)

// failedMetric is the reason of a metric that is not readable.
func failedMetric(s Source) Reason { return Reason("FailedGet" + string(s) + "Metric") }

// Cause says why a change is made, as the event of the change tells it. It looks at the metrics alone: what a window or limit does to their
// number changes neither.
type Cause string

// The causes.
const (
	CauseNone     Cause = ""             // The metrics asked for no change.
	CauseAbove    Cause = "AboveTarget"  // A metric asked for more.
	CauseBelow    Cause = "BelowTarget"  // Every metric asked for fewer.
	CauseAboveMax Cause = "AboveMaximum" // The target was above the maximum.
	CauseBelowMin Cause = "BelowMinimum" // The target was below the minimum.
)

// stabilizedReason names the window that replaced want. The direction is that of the proposal, as in stabilizeRecommendationWithBehaviors;
// without a Behavior there is the scale-down window alone.
func (c *Controller) stabilizedReason(spec, want int32) Reason {
	if c.hasBehavior && want >= spec {
		return ReasonUpStabilized
	}
	return ReasonDownStabilized
}
