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
	errs := []error{s.validateBounds(), s.validateMetrics(), s.Settings.validate()}
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
	if s.MinZero && s.MinReplicas != 0 {
		errs = append(errs, fmt.Errorf("minReplicas: %d must be 0 when 0 is meant", s.MinReplicas))
	}
	if s.MaxReplicas < 1 {
		errs = append(errs, fmt.Errorf("maxReplicas: %d must be at least 1", s.MaxReplicas))
	}
	if s.MaxReplicas < s.MinReplicas {
		errs = append(errs, fmt.Errorf("maxReplicas: %d must not be below minReplicas %d", s.MaxReplicas, s.MinReplicas))
	}
	return errors.Join(errs...)
}

func (s Spec) validateMetrics() error {
	if s.Metrics == nil {
		if s.AverageValue <= 0 {
			return fmt.Errorf("averageValue: %dm must be above 0", s.AverageValue)
		}
		return nil
	}
	var errs []error
	if s.AverageValue != 0 {
		errs = append(errs, errors.New("averageValue: must be left out beside metrics"))
	}
	if len(s.Metrics) == 0 {
		errs = append(errs, errors.New("metrics: an empty list must be left out or name a metric"))
	}
	wakes := false
	for i, m := range s.Metrics {
		errs = append(errs, m.validate(fmt.Sprintf("metrics[%d]", i)))
		wakes = wakes || m.Source == External || m.Source == Object
	}
	if s.MinZero && !wakes {
		errs = append(errs, errors.New("minReplicas: 0 needs an External or Object metric, which can bring the replicas back"))
	}
	return errors.Join(errs...)
}

func (m MetricSpec) validate(path string) error {
	var errs []error
	value, utilization := false, false
	switch m.Source {
	case External, Object:
		value = true
	case PodsMetric:
	case Resource, ContainerResource:
		utilization = true
	default:
		errs = append(errs, fmt.Errorf("%s.type: %q must be External, Object, Pods, Resource or ContainerResource", path, m.Source))
		value, utilization = true, true
	}
	if m.Name == "" {
		errs = append(errs, fmt.Errorf("%s.name: must not be empty", path))
	}
	if (m.Container != "") != (m.Source == ContainerResource) {
		errs = append(errs, fmt.Errorf("%s.container: %q must be given with ContainerResource and with nothing else", path, m.Container))
	}
	return errors.Join(append(errs, m.Target.validate(path+".target", value, utilization))...)
}

// validate refuses a target of no or two kinds, and the kinds that the source does not have.
func (t Target) validate(path string, value, utilization bool) error {
	var errs []error
	set := 0
	for _, f := range []struct {
		name    string
		value   int64
		allowed bool
	}{
		{"averageValue", int64(t.AverageValue), true},
		{"value", int64(t.Value), value},
		{"averageUtilization", int64(t.Utilization), utilization},
	} {
		if f.value == 0 {
			continue
		}
		set++
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("%s.%s: %d must be above 0", path, f.name, f.value))
		}
		if !f.allowed {
			errs = append(errs, fmt.Errorf("%s.%s: is not for this type of metric", path, f.name))
		}
	}
	if set != 1 {
		errs = append(errs, fmt.Errorf("%s: must have one value, has %d", path, set))
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
