package hpa

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// SyncPeriod is the time between two syncs of one autoscaler, the default of --horizontal-pod-autoscaler-sync-period.
const SyncPeriod = 15 * time.Second

// DefaultTolerance is the share by which the metric may miss its target without a change, the default of --horizontal-pod-autoscaler-tolerance.
const DefaultTolerance = 0.1

// DefaultDownscaleStabilization is the scale-down window of an autoscaler that names none, the default of
// --horizontal-pod-autoscaler-downscale-stabilization.
const DefaultDownscaleStabilization = 5 * time.Minute

// Settings are the flags and feature gates of kube-controller-manager that have a say.
type Settings struct {
	// Tolerance is --horizontal-pod-autoscaler-tolerance, a share.
	Tolerance float64
	// DownscaleStabilization is --horizontal-pod-autoscaler-downscale-stabilization. Behind a Behavior it counts in whole seconds.
	DownscaleStabilization time.Duration
	// CPUInitialization is --horizontal-pod-autoscaler-cpu-initialization-period: how long after its start a pod's processor counts only
	// while the pod is ready.
	CPUInitialization time.Duration
	// InitialReadiness is --horizontal-pod-autoscaler-initial-readiness-delay: a pod whose readiness last changed within this time of its
	// start, and is false, has never been ready.
	InitialReadiness time.Duration
	// ScaleToZero is the gate HPAScaleToZero, off by default in v1.36.
	ScaleToZero bool
	// IgnoreTolerances is the gate HPAConfigurableTolerance turned off: [Rules.Tolerance] does not count.
	IgnoreTolerances bool
}

// DefaultSettings are those of a kube-controller-manager v1.36 without flags.
func DefaultSettings() Settings {
	return Settings{
		Tolerance:              DefaultTolerance,
		DownscaleStabilization: DefaultDownscaleStabilization,
		CPUInitialization:      5 * time.Minute,
		InitialReadiness:       30 * time.Second,
	}
}

func (s *Settings) validate() error {
	if s == nil {
		return nil
	}
	var errs []error
	if s.Tolerance < 0 || math.IsNaN(s.Tolerance) || math.IsInf(s.Tolerance, 1) {
		errs = append(errs, fmt.Errorf("settings.tolerance: %v must be a number of at least 0", s.Tolerance))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"downscaleStabilization", s.DownscaleStabilization},
		{"cpuInitialization", s.CPUInitialization},
		{"initialReadiness", s.InitialReadiness},
	} {
		if d.value < 0 {
			errs = append(errs, fmt.Errorf("settings.%s: %v must not be below 0", d.name, d.value))
		}
	}
	return errors.Join(errs...)
}
