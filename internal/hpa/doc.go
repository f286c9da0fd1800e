// Package hpa is the arithmetic of the HorizontalPodAutoscaler for one External metric with an AverageValue target, as the controller of
// Kubernetes v1.36 computes it (pkg/controller/podautoscaler, "upstream" below): a pure state machine whose clock is an argument.
//
// One [Controller.Sync] is one turn of upstream's reconcileAutoscaler:
//
//	now, spec, status, metric
//	  -> zero, above max, below min: decided without the metric
//	  -> propose: within tolerance? status : ceil(metric / target)     nothing readable: frozen, nothing recorded
//	  -> stabilise: not above or below what was proposed inside the windows
//	  -> limit: rate policies, then min and max
//	  -> Decision, and the scale event is remembered
//
// Not modelled: scaling to and from zero (the feature gate HPAScaleToZero is off by default in v1.36), several metrics on one autoscaler,
// Value targets, and changes to the Spec while it runs.
package hpa
