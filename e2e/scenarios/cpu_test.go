package scenarios

import (
	"context"
	"fmt"
	"testing"
	"time"

	"spillway/e2e/overlays"
	"spillway/e2e/report"
)

// computed is what the messages of the scenario on CPU cost: 600 a second, a millisecond of computing each, and what the
// worker itself needs, are five to seven pods that request a quarter of a core and are to use half of it.
const computed = 600.0

func TestCPU(t *testing.T) {
	s := raise(t, overlays.CPU(), 0, overlays.Subscription)
	section := s.section(7, "cpu", "CPU: half of what the pods request",
		"deploy/generic with components/hpa-cpu and handler-work, whose messages compute for a millisecond each: 50 % of 250m, 2 to 20 pods, "+
			"metrics-server 0.7.2, which looks every 10 s at the least and is not shortened.")
	s.applyFile("metrics-server.yaml")
	s.ready("kube-system", "metrics-server", 1)
	s.apply(s.folder)
	const hpa = "worker"
	s.ready(namespace, hpa, 2)
	s.scalable(hpa)
	src := s.publish(overlays.Subscription, computed)
	w := s.watch(section, console(), &watched{hpa: hpa, flow: overlays.Subscription, counts: func() (int64, int64) { return src.publisher.Counts().Published, 0 }})
	begun := time.Since(w.begun)
	w.has(hpa, "4 pods and more", s.bound(30*time.Minute), func(p report.Point) bool { return p.Ready >= 4 && p.Ready == p.Desired })
	if err := src.stop(); err != nil {
		t.Fatal(err)
	}
	s.until(patience, func(ctx context.Context) error {
		left, err := s.state.backlog(ctx, overlays.Subscription)
		if err == nil && left > 0 {
			err = fmt.Errorf("%d messages are left", left)
		}
		return err
	})
	w.has(hpa, "2 pods again", s.bound(30*time.Minute), func(p report.Point) bool { return p.Ready == 2 && p.Desired == 2 && p.Current == 2 })
	w.stop()
	seen := summarize(section.Tracks[0], begun)
	result(t, section, "2 to %d to 2 pods, the most after %s of wall time, wanted in turn: %v; up to %.0f %% of what was requested",
		seen.most, seen.mostAfter.Round(time.Second), steps(section.Tracks[0]), seen.highestMetric)
}
