package demo

import (
	"context"
	"fmt"
	"math"
	"time"

	"spillway/internal/hpa"
)

// The policies: what the autoscaler scales on.
const (
	// policyBacklog is Monitoring's backlog with an AverageValue per pod, as late as Monitoring is.
	policyBacklog = "backlog"
	// policyDesired is the exporter's desired replicas with AverageValue 1.
	policyDesired = "desired"
	// policyBoth tells the story twice, once with each.
	policyBoth = "both"
)

// policy is one way to scale: the autoscaler's object, the series that it reads, and what a value of it means.
type policy struct {
	name   string
	spec   hpa.Spec
	series string
	words  func(value float64) string
}

// policyOf returns a policy by its name.
func policyOf(name string, pace Pace) policy {
	if name == policyDesired {
		return policy{
			name: name, spec: desiredAutoscaler(), series: desiredSeries,
			words: func(v float64) string { return fmt.Sprintf("%.4g pods are needed", v) },
		}
	}
	spec := autoscaler(pace)
	return policy{
		name: policyBacklog, spec: spec, series: lateBacklog,
		words: func(v float64) string {
			return fmt.Sprintf("Monitoring shows %s messages, %s a pod", number(int64(v)), number(int64(math.Round(float64(spec.AverageValue)/float64(hpa.Unit)))))
		},
	}
}

// policyWords names a policy in a sentence.
func policyWords(name string) string {
	if name == policyDesired {
		return "desired replicas"
	}
	return name
}

// readPolicy asks the exporter for the policy's series.
func (s *stage) readPolicy(ctx context.Context, p policy) (float64, error) {
	return scrape(ctx, s.client, s.exporter.metrics(), p.series, s.flow.labels())
}

// desiredAutoscaler is the object that ships with desired replicas: nine times as many pods within 15 s, down by 20 % a
// minute after 5 minutes as the other.
func desiredAutoscaler() hpa.Spec {
	spec := autoscaler(1)
	spec.AverageValue = hpa.Unit
	none := time.Duration(0)
	spec.Behavior.ScaleUp = &hpa.Rules{
		StabilizationWindow: &none,
		Policies:            []hpa.Policy{{Type: hpa.Percent, Value: 900, Period: 15 * time.Second}},
	}
	return spec
}
