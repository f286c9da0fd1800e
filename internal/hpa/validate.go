package hpa

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// The longest times that the API accepts (MaxStabilizationWindowSeconds and MaxPeriodSeconds in pkg/apis/autoscaling/validation).
const (
	maxWindow = time.Hour
	maxPeriod = 30 * time.Minute
)

// Validate reports everything that the API server would refuse in s (validateHorizontalPodAutoscalerSpec and validateScalingRules), joined.
func (s Spec) Validate() error {
	errs := []error{s.validateBounds()}
	if s.AverageValue <= 0 {
		errs = append(errs, fmt.Errorf("averageValue: %dm must be above 0", s.AverageValue))
	}
	if s.Behavior != nil {
		errs = append(errs, s.Behavior.ScaleUp.validate("behavior.scaleUp"), s.Behavior.ScaleDown.validate("behavior.scaleDown"))
	}
	return errors.Join(errs...)
}

func (s Spec) validateBounds() error {
	var errs []error
	if s.MinReplicas < 0 {
		errs = append(errs, fmt.Errorf("minReplicas: %d must be at least 1 (0 means the default of 1)", s.MinReplicas))
	}
	if s.MaxReplicas < 1 {
		errs = append(errs, fmt.Errorf("maxReplicas: %d must be at least 1", s.MaxReplicas))
	}
	if s.MaxReplicas < s.MinReplicas {
		errs = append(errs, fmt.Errorf("maxReplicas: %d must not be below minReplicas %d", s.MaxReplicas, s.MinReplicas))
	}
	return errors.Join(errs...)
}

func (r *Rules) validate(path string) error {
	if r == nil {
		return nil
	}
	var errs []error
	if w := r.StabilizationWindow; w != nil && (*w < 0 || *w > maxWindow || !wholeSeconds(*w)) {
		errs = append(errs, fmt.Errorf("%s.stabilizationWindow: %v must be whole seconds from 0 to %v", path, *w, maxWindow))
	}
	switch r.Select {
	case "", MaxChange, MinChange, Disabled:
	default:
		errs = append(errs, fmt.Errorf("%s.selectPolicy: %q must be Max, Min or Disabled", path, r.Select))
	}
	if t := r.Tolerance; t != nil && (*t < 0 || math.IsNaN(*t) || math.IsInf(*t, 1)) {
		errs = append(errs, fmt.Errorf("%s.tolerance: %v must be a number of at least 0", path, *t))
	}
	if r.Policies != nil && len(r.Policies) == 0 {
		errs = append(errs, fmt.Errorf("%s.policies: an empty list must be left out or name a policy", path))
	}
	for i, p := range r.Policies {
		errs = append(errs, p.validate(fmt.Sprintf("%s.policies[%d]", path, i)))
	}
	return errors.Join(errs...)
}

func (p Policy) validate(path string) error {
	var errs []error
	if p.Type != Pods && p.Type != Percent {
		errs = append(errs, fmt.Errorf("%s.type: %q must be Pods or Percent", path, p.Type))
	}
	if p.Value <= 0 {
		errs = append(errs, fmt.Errorf("%s.value: %d must be above 0", path, p.Value))
	}
	if p.Period <= 0 || p.Period > maxPeriod || !wholeSeconds(p.Period) {
		errs = append(errs, fmt.Errorf("%s.period: %v must be whole seconds, above 0 and at most %v", path, p.Period, maxPeriod))
	}
	return errors.Join(errs...)
}

func wholeSeconds(d time.Duration) bool { return d%time.Second == 0 }
