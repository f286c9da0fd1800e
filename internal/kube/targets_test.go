package kube

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	fakescale "k8s.io/client-go/scale/fake"
	clienttesting "k8s.io/client-go/testing"

	"spillway/internal/backlog"
)

// addresses are those of a target's pods.
func addresses(target Target) []string {
	var all []string
	for _, p := range target.Pods {
		all = append(all, p.Address)
	}
	return all
}

func TestTargets(t *testing.T) {
	ended := pod("web", "offers-9", "offers", "10.0.0.9", false)
	ended.Status.Phase = corev1.PodSucceeded
	going := pod("web", "offers-3", "offers", "10.0.0.3", true)
	now := metav1.Now()
	going.DeletionTimestamp, going.Finalizers = &now, []string{"test/hold"}
	play(t, nil, func(s *scene) {
		list := s.watcher.Targets()
		if len(list) != 1 || list[0].Err != nil {
			t.Fatalf("targets %+v", list)
		}
		want := Target{
			Autoscaler: Autoscaler{"web", "offers"}, Scaled: Scaled{"apps/v1", "Deployment", "offers"},
			Subscriptions: []backlog.Subscription{offers}, Min: 1, Max: 20, Window: 5 * time.Minute,
			Pods: []Pod{
				{Name: "offers-1", Address: "10.0.0.1", Ready: true, Ports: map[string]int32{"http": 8080}},
				{Name: "offers-2", Address: "10.0.0.2", Ports: map[string]int32{"http": 8080}},
				{Name: "offers-3", Address: "10.0.0.3", Ready: true, Terminating: true, Ports: map[string]int32{"http": 8080}},
			},
		}
		if diff := cmp.Diff(want, list[0]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if err := s.client.CoreV1().Pods("web").Delete(s.t.Context(), "offers-1", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.client.CoreV1().Pods("web").Create(s.t.Context(), pod("web", "offers-4", "offers", "10.0.0.4", true), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		s.pass(time.Second)
		if diff := cmp.Diff([]string{"10.0.0.2", "10.0.0.3", "10.0.0.4"}, addresses(s.watcher.Targets()[0])); diff != "" {
			t.Errorf("after changes (-want +got):\n%s", diff)
		}
		if s.scales.asked != 1 {
			t.Errorf("the scale was read %d times", s.scales.asked)
		}
	},
		hpa("web", "offers", external(undelivered, "subscription_id", "offers")),
		pod("web", "offers-1", "offers", "10.0.0.1", true), pod("web", "offers-2", "offers", "10.0.0.2", false), going, ended,
		pod("web", "offers-8", "offers", "", false), pod("web", "other-1", "other", "10.0.1.1", true), pod("batch", "offers-1", "offers", "10.0.2.1", true))
}

// TestPodsAreWatchedWhereTheyAreNeeded: least privilege, and least memory.
func TestPodsAreWatchedWhereTheyAreNeeded(t *testing.T) {
	play(t, nil, func(s *scene) {
		s.apply(hpa("web", "offers", external("s0-redis", "a", "b")))
		s.apply(hpa("batch", "orders", external(undelivered, "subscription_id", "orders")))
		if list := s.watcher.Targets(); len(list) != 1 || list[0].Err != nil || len(list[0].Pods) != 1 {
			t.Errorf("targets %+v", list)
		}
		watched := map[string]bool{}
		for _, action := range s.client.Actions() {
			if action.GetResource().Resource == resourcePods {
				watched[action.GetNamespace()] = true
			}
		}
		if diff := cmp.Diff(map[string]bool{"web": true, "batch": true}, watched); diff != "" {
			t.Errorf("pods were read in (-want +got):\n%s", diff)
		}
		s.watcher.targets.mu.Lock()
		defer s.watcher.targets.mu.Unlock()
		if n := len(s.watcher.targets.watched); n != 1 {
			t.Errorf("%d namespaces are still watched", n)
		}
	}, hpa("web", "offers", external(undelivered, "subscription_id", "offers")), pod("batch", "orders-1", "orders", "10.0.2.1", true), hpa("quiet", "redis", external("s0-redis", "a", "b")))
}

func TestAScaleThatCannotBeRead(t *testing.T) {
	play(t, func(s *scene, _ *Options) { s.scales.fails = errAway }, func(s *scene) {
		if got := s.watcher.Targets()[0]; !errors.Is(got.Err, errAway) || got.Pods != nil {
			t.Fatalf("%+v", got)
		}
		s.scales.fail(nil)
		s.pass(scaleRetry + time.Second)
		if got := s.watcher.Targets()[0]; got.Err != nil || len(got.Pods) != 1 {
			t.Fatalf("%+v", got)
		}
		s.scales.fail(errAway) // the selector known before stays
		s.pass(2 * selectorLife)
		if got := s.watcher.Targets()[0]; got.Err != nil || len(got.Pods) != 1 {
			t.Fatalf("%+v", got)
		}
	}, hpa("web", "offers", external(undelivered, "subscription_id", "offers")), pod("web", "offers-1", "offers", "10.0.0.1", true))
}

func TestAScaleThatSelectsEverything(t *testing.T) {
	play(t, func(s *scene, _ *Options) { s.scales.answer = " " }, func(s *scene) {
		if got := s.watcher.Targets()[0]; got.Err == nil {
			t.Fatalf("%+v", got)
		}
	}, hpa("web", "offers", external(undelivered, "subscription_id", "offers")), pod("web", "offers-1", "offers", "10.0.0.1", true))
}

func TestSelectorFromTheScaleSubresource(t *testing.T) {
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, meta.RESTScopeNamespace)
	getter := &fakescale.FakeScaleClient{}
	selector := "app=offers,tier in (web)"
	getter.AddReactor("get", "deployments", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if get := action.(clienttesting.GetAction); action.GetSubresource() != "scale" || get.GetName() != "offers" || action.GetNamespace() != "web" {
			return true, nil, errAway
		}
		return true, &autoscalingv1.Scale{Status: autoscalingv1.ScaleStatus{Selector: selector}}, nil
	})
	s := &scales{mapper: mapper, getter: getter}
	got, err := s.Selector(t.Context(), "web", Scaled{"apps/v1", "Deployment", "offers"})
	if err != nil || got.String() != "app=offers,tier in (web)" {
		t.Fatalf("%v, %v", got, err)
	}
	for _, of := range []Scaled{{"apps/v1", "Castle", "offers"}, {"a/b/c", "Deployment", "offers"}, {"apps/v1", "Deployment", "other"}} {
		if _, err := s.Selector(t.Context(), "web", of); err == nil {
			t.Errorf("%v has a selector", of)
		}
	}
	selector = "app in"
	if _, err := s.Selector(t.Context(), "web", Scaled{"apps/v1", "Deployment", "offers"}); err == nil {
		t.Error("a selector that does not parse is taken")
	}
}
