package scenarios

import (
	"fmt"
	"testing"
	"time"

	"spillway/e2e/overlays"
	"spillway/e2e/report"
	"spillway/internal/demo"
)

// flowBurst is worth four pods.
const flowBurst = 150_000

func TestThreeFlows(t *testing.T) {
	flows := []string{"offer", "content", "image"}
	s := raise(t, overlays.Flows(), handling, flows...)
	section := s.section(7, "flows", "Three flows at once",
		"deploy/generic/mess: offer, content and image, each a Deployment with an app, an autoscaler and a subscription of its own, and one exporter; "+
			"their bursts come one after the other.")
	s.prometheus("")
	s.adapter("", "apiservice-external.yaml")
	s.apply(s.folder)
	s.ready(namespace, "backlog-exporter", 1)
	var all []*watched
	sources := map[string]*source{}
	for _, flow := range flows {
		s.ready(namespace, "worker-"+flow, 2)
		s.scalable("worker-" + flow)
		sources[flow] = s.publish(flow, steadyRate/2)
		all = append(all, &watched{hpa: "worker-" + flow, flow: flow, counts: counts(s.book(flow))})
	}
	w := s.watch(section, console(), all...)
	begun := map[string]time.Duration{}
	for i, flow := range flows {
		if i > 0 { // When the one before has its pods.
			before := "worker-" + flows[i-1]
			w.has(before, "more pods", s.bound(15*time.Minute), func(p report.Point) bool { return p.Ready > 2 })
		}
		begun[flow] = time.Since(w.begun)
		sources[flow].burst.Add(flowBurst)
	}
	w.has("worker-image", "more pods", s.bound(15*time.Minute), func(p report.Point) bool { return p.Ready > 2 })
	for _, flow := range flows {
		w.has("worker-"+flow, "2 pods again", s.bound(60*time.Minute), func(p report.Point) bool {
			return p.At > begun["image"] && p.Ready == 2 && p.Desired == 2 && p.Current == 2
		})
	}
	for _, flow := range flows {
		s.settle(sources[flow], s.book(flow))
	}
	w.stop()
	var total demo.Counts
	said := ""
	for i, flow := range flows {
		c := s.book(flow).Counts()
		expectHandledOnce(s, c)
		total.Handled, total.Waiting, total.Duplicated = total.Handled+c.Handled, total.Waiting+c.Waiting, total.Duplicated+c.Duplicated
		seen := summarize(section.Tracks[i], begun[flow])
		if seen.most < 3 || seen.removed < 1 {
			t.Errorf("%s had at most %d pods, of which %d were taken away", flow, seen.most, seen.removed)
		}
		said += fmt.Sprintf("%s 2 to %d to 2, ", flow, seen.most)
	}
	result(t, section, "%s%d messages handled, %d lost, %d twice", said, total.Handled, total.Waiting, total.Duplicated)
}
