package kube

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"spillway/internal/ask"
)

// TestSettings: of an autoscaler's annotations ours are kept, held against what they may be, and told once where they are wrong.
func TestSettings(t *testing.T) {
	own := hpa("web", "offers", external(undelivered, "subscription_id", "offers"))
	own.Annotations = map[string]string{"spillway/headroom": "much", "spillway/drain-seconds": "30", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
	p := pod("web", "offers-1", "offers", "10.0.0.1", true)
	p.UID = "u1"
	p.Annotations = map[string]string{"prometheus.io/port": "9000", "prometheus.io/path": "/stats", "prometheus.io/scheme": "http", "other": "x"}
	play(t, func(_ *scene, o *Options) {
		o.Check = func(settings map[string]string) []SettingFault {
			if settings["headroom"] == "much" {
				return []SettingFault{{Key: "headroom", Message: "Much is no number."}}
			}
			return nil
		}
	}, func(s *scene) {
		got := s.watcher.Targets()[0]
		if diff := cmp.Diff(map[string]string{"headroom": "much", "drain-seconds": "30"}, got.Settings); diff != "" {
			t.Error(diff)
		}
		if p := got.Pods[0]; p.UID != "u1" || p.ScrapePort != "9000" || p.ScrapePath != "/stats" || p.ScrapeScheme != "http" {
			t.Errorf("the pod is %+v", p)
		}
		s.pass(time.Second)
		events := s.events()
		if len(events) != 1 || events[0].Reason != string(ask.BadAnnotation) || events[0].Message != "Much is no number." {
			t.Errorf("told %+v", events)
		}
		better := own.DeepCopy()
		better.Annotations = map[string]string{"spillway/headroom": "2"}
		better.Spec.Behavior = behavior(120)
		s.apply(better)
		got = s.watcher.Targets()[0]
		if got.Settings["headroom"] != "2" || got.Window != 2*time.Minute || len(s.events()) != 1 {
			t.Errorf("%+v", got)
		}
		if w := s.wanted(); !slices.Equal(slices.Collect(maps.Values(w)), []string{"hpa web/offers"}) {
			t.Errorf("wanted %v", w)
		}
	}, own, p)
}

// behavior has a window of scaling down.
func behavior(seconds int32) *autoscalingv2.HorizontalPodAutoscalerBehavior {
	return &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: &seconds}}
}
