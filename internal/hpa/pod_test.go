package hpa_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"spillway/internal/hpa"
)

func TestPodsThatDoNotCount(t *testing.T) {
	edited := func(n int, edit func([]hpa.Pod)) []hpa.Pod {
		list := readyPods(n)
		edit(list)
		return list
	}
	pending := func(p []hpa.Pod) { p[0].Phase = hpa.Pending }
	each, three := perPod(1000), readyPods(3)
	cases := map[string]struct {
		metric hpa.MetricSpec
		pods   []hpa.Pod
		asked  int32 // As many as there are pods when 0.
		values []hpa.Milli
		want   int32
		rule   hpa.Rule
	}{
		"all count":   {each, three, 0, []hpa.Milli{2000, 2000, 2000}, 6, hpa.RuleProportional},
		"near enough": {each, three, 0, []hpa.Milli{1000, 1100, 1100}, 3, hpa.RuleTolerance},
		"going down, a missing pod is at its target":      {each, three, 0, []hpa.Milli{300, 300, -1}, 2, hpa.RuleFilled},
		"and that may be near enough":                     {each, three, 0, []hpa.Milli{850, 850, -1}, 3, hpa.RuleFilledNear},
		"going up, a missing pod is idle":                 {each, three, 0, []hpa.Milli{3000, 3000, -1}, 6, hpa.RuleFilled},
		"and that may turn the direction":                 {each, three, 0, []hpa.Milli{1200, 1200, -1}, 3, hpa.RuleTurned},
		"exactly on target nothing is filled in":          {each, three, 0, []hpa.Milli{1000, 1000, -1}, 3, hpa.RuleFilledNear},
		"more pods than were asked for":                   {each, readyPods(8), 4, []hpa.Milli{700, 700, 700, 700, 700, 700, 700, -1}, 4, hpa.RuleCountTurned},
		"going up, a pending pod is idle":                 {each, edited(3, pending), 0, []hpa.Milli{-1, 3000, 3000}, 6, hpa.RuleFilled},
		"also one that was measured":                      {each, edited(3, pending), 0, []hpa.Milli{9000, 3000, 3000}, 6, hpa.RuleFilled},
		"going down, a pending pod is left out":           {each, edited(3, pending), 0, []hpa.Milli{-1, 400, 400}, 1, hpa.RuleProportional},
		"a failed pod is left out":                        {each, edited(3, func(p []hpa.Pod) { p[0].Phase = hpa.Failed }), 0, []hpa.Milli{9000, 2000, 2000}, 4, hpa.RuleProportional},
		"one that ends too":                               {each, edited(3, func(p []hpa.Pod) { p[0].Deleted = true }), 0, []hpa.Milli{9000, 2000, 2000}, 4, hpa.RuleProportional},
		"one that succeeded counts":                       {each, edited(3, func(p []hpa.Pod) { p[0].Phase = hpa.Succeeded }), 0, []hpa.Milli{2000, 2000, 2000}, 6, hpa.RuleProportional},
		"one that is not ready counts, but for processor": {each, edited(3, func(p []hpa.Pod) { p[0].Ready = hpa.ReadyFalse }), 0, []hpa.Milli{2000, 2000, 2000}, 6, hpa.RuleProportional},
		"utilization is of the requests":                  {processor(50), three, 0, []hpa.Milli{200, 200, 200}, 6, hpa.RuleProportional},
		"in whole percents":                               {processor(50), three, 0, []hpa.Milli{110, 110, 111}, 3, hpa.RuleTolerance},
		"going down, a missing pod uses all it requests":  {processor(50), three, 0, []hpa.Milli{10, 10, -1}, 3, hpa.RuleFilled},
		"or its target, when that is more":                {processor(150), three, 0, []hpa.Milli{10, 10, -1}, 2, hpa.RuleFilled},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			asked := c.asked
			if asked == 0 {
				asked = int32(len(c.pods))
			}
			got := reconcile(t, one(c.metric), hpa.Status{}, at(asked, c.pods, measured(c.pods, c.values...))).Proposals[0]
			if got.Replicas != c.want || got.Rule != c.rule || got.Err != nil {
				t.Errorf("proposal %+v, want %d by %s", got, c.want, c.rule)
			}
		})
	}
}

// TestSampleOfAnUnknownPod: an average counts it, a utilization has no request for it.
func TestSampleOfAnUnknownPod(t *testing.T) {
	list := readyPods(2)
	read := measured(list, 200, 200)
	read.Samples = append(read.Samples, hpa.Sample{Pod: "gone", Value: 2000})
	for want, m := range map[int32]hpa.MetricSpec{8: perPod(200), 4: processor(50)} {
		if got := reconcile(t, one(m), hpa.Status{}, at(2, list, read)); got.Proposed != want {
			t.Errorf("%s: proposed %d, want %d", m.Source, got.Proposed, want)
		}
	}
}

// TestWarmingUp: whether a pod's processor counts. Settings are the defaults: 5 minutes of initialisation, 30 s until the first readiness.
func TestWarmingUp(t *testing.T) {
	cases := map[string]struct {
		started time.Duration // Before noon; 0 for unknown.
		ready   hpa.Readiness
		since   time.Duration // Before noon.
		counts  bool
	}{
		"young, ready, a window measured since":    {4 * time.Minute, hpa.ReadyTrue, 30 * time.Second, true},
		"young, ready, less than a window":         {4 * time.Minute, hpa.ReadyTrue, 29 * time.Second, false},
		"young, unready":                           {4 * time.Minute, hpa.ReadyFalse, time.Minute, false},
		"young, of unknown readiness":              {4 * time.Minute, hpa.ReadyUnknown, time.Minute, true},
		"old, unready since just now":              {5 * time.Minute, hpa.ReadyFalse, time.Second, true},
		"old, unready since it started":            {5 * time.Minute, hpa.ReadyFalse, 5*time.Minute - 29*time.Second, false},
		"old, unready 30 s after it started":       {5 * time.Minute, hpa.ReadyFalse, 5*time.Minute - 30*time.Second, true},
		"old, ready, less than a window":           {5 * time.Minute, hpa.ReadyTrue, time.Second, true},
		"of unknown start":                         {0, hpa.ReadyTrue, time.Hour, false},
		"that has no condition of being ready yet": {time.Hour, hpa.ReadyAbsent, time.Hour, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			list := readyPods(2)
			p := &list[0]
			p.Started, p.Ready, p.ReadySince = noon.Add(-c.started), c.ready, noon.Add(-c.since)
			if c.started == 0 {
				p.Started = time.Time{}
			}
			got := reconcile(t, one(processor(50)), hpa.Status{}, at(2, list, measured(list, 20, 20))).Proposals[0]
			if counts := got.Unready == 0; counts != c.counts {
				t.Errorf("counts: %v, want %v", counts, c.counts)
			}
		})
	}
}

func TestUnreadablePods(t *testing.T) {
	container := hpa.MetricSpec{Source: hpa.ContainerResource, Name: "cpu", Container: "proxy", Target: hpa.Target{Utilization: 50}}
	pending := readyPods(1)
	pending[0].Phase = hpa.Pending
	free := readyPods(1)
	free[0].Containers[0].Requests["cpu"] = 0
	bare := readyPods(1)
	delete(bare[0].Containers[0].Requests, "cpu")
	own := readyPods(1)
	own[0].Requests = map[string]hpa.Milli{"memory": 1000}
	broken := errors.New("metrics-server is gone")
	stranger := hpa.Metric{Samples: []hpa.Sample{{Pod: "gone", Value: 9}}}
	cases := map[string]struct {
		metric hpa.MetricSpec
		scene  hpa.Scene
		want   error // Nil for a RequestError that names the pod.
	}{
		"a failed call":                     {processor(50), at(1, readyPods(1), hpa.Metric{Err: broken}), broken},
		"an empty answer":                   {processor(50), at(1, readyPods(1), hpa.Metric{}), hpa.ErrNoItems},
		"no pods":                           {perPod(1), at(1, nil, stranger), hpa.ErrNoPods},
		"no pod that counts":                {perPod(1), at(1, pending, measured(pending, 5)), hpa.ErrNoSamples},
		"a pod without a request":           {processor(50), at(1, bare, measured(bare, 5)), nil},
		"a pod without the container":       {container, at(1, readyPods(1), measured(readyPods(1), 5)), nil},
		"a pod that requests memory itself": {processor(50), at(1, own, measured(own, 5)), nil},
		"pods that request nothing":         {processor(50), at(1, free, measured(free, 5)), hpa.ErrNoRequests},
		"strangers alone":                   {processor(50), at(1, readyPods(1), stranger), hpa.ErrNoRequests},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := reconcile(t, one(c.metric), hpa.Status{}, c.scene)
			if got.Rescale || got.Reason != hpa.Reason("FailedGet"+string(c.metric.Source)+"Metric") {
				t.Errorf("%+v, want a freeze", got.Decision)
			}
			request, ok := errors.AsType[*hpa.RequestError](got.Err)
			switch {
			case c.want != nil && !errors.Is(got.Err, c.want):
				t.Errorf("error %v, want %v", got.Err, c.want)
			case c.want == nil && (!ok || !strings.Contains(request.Error(), "pod-0")):
				t.Errorf("error %v, want one of the request of pod-0", got.Err)
			}
		})
	}
}

// TestRequests: whose requests a utilization is of. Each pod uses 100.
func TestRequests(t *testing.T) {
	proxied := func(own map[string]hpa.Milli) []hpa.Pod {
		list := readyPods(1)
		list[0].Containers = append(list[0].Containers, hpa.Container{Name: "proxy", Requests: map[string]hpa.Milli{"cpu": 50}})
		list[0].Requests = own
		return list
	}
	of := func(container string) hpa.MetricSpec {
		m := processor(50)
		if container != "" {
			m.Source, m.Container = hpa.ContainerResource, container
		}
		return m
	}
	cases := map[string]struct {
		pods   []hpa.Pod
		metric hpa.MetricSpec
		want   int32 // Percent.
	}{
		"of all containers":                    {proxied(nil), of(""), 40},
		"of one":                               {proxied(nil), of("proxy"), 200},
		"of the pod":                           {proxied(map[string]hpa.Milli{"cpu": 500}), of(""), 20},
		"of a container, although the pod has": {proxied(map[string]hpa.Milli{"cpu": 500}), of("app"), 50},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := reconcile(t, one(c.metric), hpa.Status{}, at(1, c.pods, measured(c.pods, 100))).Status.Metrics
			want := hpa.MetricStatus{Source: c.metric.Source, Name: "cpu", Container: c.metric.Container, Kind: hpa.KindUtilization, Value: 100, Utilization: c.want}
			expect(t, []hpa.MetricStatus{want}, got)
		})
	}
}
