// Package conformance holds internal/hpa against the HorizontalPodAutoscaler controller of Kubernetes: package scenes draws autoscalers and what they
// meet, package upstream runs the real controller through it in virtual time, package trace compares ours with what that did, sync by sync. The
// tests also hold that every path was taken, and that ours with a fault in it is told from ours without.
package conformance
