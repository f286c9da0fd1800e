// Package hpa is the HorizontalPodAutoscaler as the controller of Kubernetes v1.36 computes it (pkg/controller/podautoscaler, "upstream" below): a
// pure state machine whose clock is an argument.
//
// One [Controller.Reconcile] is one turn of upstream's reconcileAutoscaler:
//
//	now, status, scene: the scale target, its pods, a reading of each metric
//	  -> target unreadable: nothing is done, nothing recorded
//	  -> at zero, above max, below min: decided without the metrics
//	  -> propose, by metric: External and Object (AverageValue, Value), Pods, Resource and ContainerResource (AverageValue, Utilization)
//	     the largest counts; one unreadable and the others ask for fewer, or none readable: frozen, nothing recorded
//	  -> stabilise: not above or below what was proposed inside the windows
//	  -> limit: rate policies, then min and max
//	  -> write; the change is remembered if it was taken
//	  -> Outcome: the decision, every proposal and its rule, the status with its conditions, the events
//
// [Controller.Sync] is the same for one External metric whose changes are always taken, without the status: what a simulation needs.
//
// The package is compared with the real controller over 30,000 random decisions in CI, see docs/hpa.md. Not modelled: the words of messages,
// autoscalers that are deleted (make a new [Controller]), how a pod's own requests come together (see [Pod.Requests]), other versions' gates.
// Conversions of numbers too large for an int32 are Go's on the machine at hand, as upstream's are: they differ between processors.
package hpa
