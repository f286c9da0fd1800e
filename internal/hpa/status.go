package hpa

import (
	"slices"
	"time"
)

// Status is the autoscaler's status.
type Status struct {
	// Current and Desired are the replicas that the last sync found and wanted.
	Current, Desired int32
	// LastScale is when the replicas were last changed; zero for never.
	LastScale time.Time
	// Metrics are the values that were read, in the order of [Spec.Metrics]; the zero value where one was not readable.
	Metrics []MetricStatus
	// Conditions are in the order in which they first came up.
	Conditions []Condition
}

// Condition is one of the status' conditions.
type Condition struct {
	Type ConditionType
	// Holds is the condition's status, True or False.
	Holds  bool
	Reason Reason
	// Message is in our words. It changes when upstream's does.
	Message string
	// Since is the time of the last change of Holds.
	Since time.Time
}

// ConditionType is the name of a condition.
type ConditionType string

// The conditions.
const (
	AbleToScale    ConditionType = "AbleToScale"    // The scale target can be read and written.
	ScalingActive  ConditionType = "ScalingActive"  // The metrics give a number of replicas.
	ScalingLimited ConditionType = "ScalingLimited" // A rate or a bound cut that number.
	ScaledToZero   ConditionType = "ScaledToZero"   // It was the autoscaler who went to 0, so it may come back; with [Settings.ScaleToZero].
)

// MetricStatus is the present value of one metric.
type MetricStatus struct {
	Source    Source
	Name      string
	Container string
	Kind      Kind
	// Value is per pod, except of KindValue.
	Value Milli
	// Utilization is in percent of the request, of KindUtilization.
	Utilization int32
}

// Kind says which field of the status shows a value.
type Kind string

// The kinds.
const (
	KindAverageValue Kind = "AverageValue"
	KindValue        Kind = "Value"
	KindUtilization  Kind = "Utilization"
)

// Event is one of the events that the controller records on the autoscaler.
type Event struct {
	Warning bool
	Reason  Reason
	Message string
}

// Condition returns the condition of the given type, nil if s has none.
func (s Status) Condition(t ConditionType) *Condition {
	for i := range s.Conditions {
		if s.Conditions[i].Type == t {
			return &s.Conditions[i]
		}
	}
	return nil
}

func (s *Status) set(now time.Time, t ConditionType, holds bool, reason Reason, message string) {
	c := s.Condition(t)
	if c == nil {
		s.Conditions = append(s.Conditions, Condition{Type: t, Since: now, Holds: holds})
		c = &s.Conditions[len(s.Conditions)-1]
	}
	if c.Holds != holds {
		c.Since = now
	}
	c.Holds, c.Reason, c.Message = holds, reason, message
}

func (s *Status) remove(t ConditionType) {
	s.Conditions = slices.DeleteFunc(s.Conditions, func(c Condition) bool { return c.Type == t })
}

// equal says whether nothing would be written.
func (s *Status) equal(o *Status) bool {
	return s.Current == o.Current && s.Desired == o.Desired && s.LastScale.Equal(o.LastScale) && slices.Equal(s.Metrics, o.Metrics) &&
		slices.EqualFunc(s.Conditions, o.Conditions, func(a, b Condition) bool {
			return a.Type == b.Type && a.Holds == b.Holds && a.Reason == b.Reason && a.Message == b.Message && a.Since.Equal(b.Since)
		})
}
