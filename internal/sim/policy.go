package sim

import (
	"fmt"
	"time"

	"spillway/internal/hpa"
	"spillway/internal/nowcast"
)

// shipped is the behavior of the HPAs in deploy/: up by 900 % in 15 s, down by 20 % a minute after 5 minutes.
func shipped() *hpa.Behavior {
	return &hpa.Behavior{
		ScaleUp: &hpa.Rules{
			StabilizationWindow: new(time.Duration(0)),
			Policies:            []hpa.Policy{{Type: hpa.Percent, Value: 900, Period: 15 * time.Second}},
		},
		ScaleDown: &hpa.Rules{
			StabilizationWindow: new(5 * time.Minute),
			Policies:            []hpa.Policy{{Type: hpa.Percent, Value: 20, Period: time.Minute}},
		},
	}
}

func spec(target hpa.Milli) hpa.Spec {
	return hpa.Spec{MinReplicas: 2, MaxReplicas: 20, AverageValue: target, Behavior: shipped()}
}

// OnDesired scales on desired replicas with AverageValue "1", between 2 and 20 pods.
func OnDesired() Policy {
	return Policy{Name: "desired", Signal: Desired, Spec: spec(hpa.Unit), Law: nowcast.DefaultLaw()}
}

// OnDesiredRemote is the same where no worker can be scraped, with a pod's capacity from the configuration.
func OnDesiredRemote(capacity float64) Policy {
	p := Policy{Name: "desired_monitoring_only", Signal: DesiredRemote, Spec: spec(hpa.Unit), Law: nowcast.DefaultLaw()}
	p.Law.Capacity = capacity
	return p
}

// OnBacklog scales on the raw backlog with so many messages per pod.
func OnBacklog(messages int64) Policy {
	return Policy{Name: fmt.Sprintf("backlog_%d", messages), Signal: RawBacklog, Spec: spec(hpa.Milli(messages) * hpa.Unit)}
}

// OnProcessor scales on so many percent of the processor.
func OnProcessor(percent int64) Policy {
	return Policy{Name: fmt.Sprintf("cpu_%d", percent), Signal: Processor, Spec: spec(hpa.Milli(percent) * hpa.Unit)}
}
