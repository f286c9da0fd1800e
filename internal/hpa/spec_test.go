package hpa_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"spillway/internal/hpa"
)

func TestValidation(t *testing.T) {
	valid := func() hpa.Spec {
		return shop(&hpa.Behavior{ScaleUp: rules("", percent(900, 15*time.Second)), ScaleDown: gently()})
	}
	cases := map[string]struct {
		edit func(*hpa.Spec)
		want []string // One per fault, empty when the API would accept it.
	}{
		"the documented one":         {edit: func(*hpa.Spec) {}},
		"no behavior":                {edit: func(s *hpa.Spec) { s.Behavior = nil }},
		"an empty behavior":          {edit: func(s *hpa.Spec) { s.Behavior = &hpa.Behavior{} }},
		"one pod exactly":            {edit: func(s *hpa.Spec) { s.MinReplicas, s.MaxReplicas = 1, 1 }},
		"the longest times":          {edit: func(s *hpa.Spec) { s.Behavior.ScaleUp = longest(0) }},
		"a window too long":          {edit: func(s *hpa.Spec) { s.Behavior.ScaleUp = longest(time.Second) }, want: []string{"behavior.scaleUp.stabilizationWindow", "behavior.scaleUp.policies[0].period"}},
		"a negative minimum":         {edit: func(s *hpa.Spec) { s.MinReplicas = -1 }, want: []string{"minReplicas"}},
		"no maximum":                 {edit: func(s *hpa.Spec) { s.MinReplicas, s.MaxReplicas = 0, 0 }, want: []string{"maxReplicas"}},
		"maximum below minimum":      {edit: func(s *hpa.Spec) { s.MaxReplicas = 1 }, want: []string{"maxReplicas"}},
		"no target":                  {edit: func(s *hpa.Spec) { s.AverageValue = 0 }, want: []string{"averageValue"}},
		"a negative window":          {edit: func(s *hpa.Spec) { s.Behavior.ScaleDown.StabilizationWindow = new(-time.Second) }, want: []string{"behavior.scaleDown.stabilizationWindow"}},
		"a window of half a second":  {edit: func(s *hpa.Spec) { s.Behavior.ScaleDown.StabilizationWindow = new(time.Second / 2) }, want: []string{"behavior.scaleDown.stabilizationWindow"}},
		"an unknown choice":          {edit: func(s *hpa.Spec) { s.Behavior.ScaleUp.Select = "max" }, want: []string{"behavior.scaleUp.selectPolicy"}},
		"a tolerance of 0":           {edit: func(s *hpa.Spec) { s.Behavior.ScaleUp.Tolerance = new(0.0) }},
		"a negative tolerance":       {edit: func(s *hpa.Spec) { s.Behavior.ScaleUp.Tolerance = new(-0.1) }, want: []string{"behavior.scaleUp.tolerance"}},
		"a tolerance without number": {edit: func(s *hpa.Spec) { s.Behavior.ScaleUp.Tolerance = new(math.NaN()) }, want: []string{"behavior.scaleUp.tolerance"}},
		"a tolerance without end":    {edit: func(s *hpa.Spec) { s.Behavior.ScaleUp.Tolerance = new(math.Inf(1)) }, want: []string{"behavior.scaleUp.tolerance"}},
		"a minimum of 0":             {edit: func(s *hpa.Spec) { s.MinReplicas, s.MinZero = 0, true }},
		"a minimum of 0 and of 2":    {edit: func(s *hpa.Spec) { s.MinZero = true }, want: []string{"minReplicas"}},
		"a minimum of 0 by processor": {
			edit: func(s *hpa.Spec) {
				s.MinReplicas, s.MinZero, s.AverageValue, s.Metrics = 0, true, 0, []hpa.MetricSpec{processor(50)}
			},
			want: []string{"minReplicas: 0 needs"},
		},
		"every source": {edit: func(s *hpa.Spec) {
			s.AverageValue, s.Metrics = 0, []hpa.MetricSpec{external(hpa.Target{Value: 1}), object(hpa.Target{AverageValue: 1}), perPod(1), processor(1)}
		}},
		"metrics and their short form": {edit: func(s *hpa.Spec) { s.Metrics = []hpa.MetricSpec{perPod(1)} }, want: []string{"averageValue"}},
		"an empty list of metrics":     {edit: func(s *hpa.Spec) { s.AverageValue, s.Metrics = 0, []hpa.MetricSpec{} }, want: []string{"metrics"}},
		"metrics of nothing": {
			edit: func(s *hpa.Spec) {
				s.AverageValue, s.Metrics = 0, []hpa.MetricSpec{{}, {Source: hpa.ContainerResource, Name: "cpu", Target: hpa.Target{Utilization: -1}}}
			},
			want: []string{"metrics[0].type", "metrics[0].name", "metrics[0].target: must", "metrics[1].container", "metrics[1].target.averageUtilization"},
		},
		"targets of other sources": {
			edit: func(s *hpa.Spec) {
				s.AverageValue, s.Metrics = 0, []hpa.MetricSpec{external(hpa.Target{Utilization: 1}), processor(0)}
				s.Metrics[1].Target.Value = 1
			},
			want: []string{"metrics[0].target.averageUtilization", "metrics[1].target.value"},
		},
		"settings that are none": {
			edit: func(s *hpa.Spec) {
				s.Settings = &hpa.Settings{Tolerance: -1, DownscaleStabilization: -1, CPUInitialization: -1, InitialReadiness: -1}
			},
			want: []string{"settings.tolerance", "settings.downscale", "settings.cpu", "settings.initial"},
		},
		"an empty list of policies": {edit: func(s *hpa.Spec) { s.Behavior.ScaleUp.Policies = []hpa.Policy{} }, want: []string{"behavior.scaleUp.policies"}},
		"a policy of nothing":       {edit: func(s *hpa.Spec) { s.Behavior.ScaleUp.Policies = []hpa.Policy{{}} }, want: []string{"policies[0].type", "policies[0].value", "policies[0].period"}},
		"a period of half a second": {edit: func(s *hpa.Spec) { s.Behavior.ScaleUp.Policies[0].Period = time.Second / 2 }, want: []string{"policies[0].period"}},
		"everything at once": {
			edit: func(s *hpa.Spec) {
				s.MinReplicas, s.MaxReplicas, s.AverageValue = -1, -2, -3
				s.Behavior.ScaleDown.Policies[0].Type = "Nodes"
			},
			want: []string{"minReplicas", "maxReplicas: -2 must be at least 1", "maxReplicas: -2 must not be below", "averageValue", "behavior.scaleDown.policies[0].type"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			spec := valid()
			c.edit(&spec)
			_, err := hpa.New(spec)
			if len(c.want) == 0 {
				expect(t, nil, err)
				return
			}
			if err == nil {
				t.Fatal("accepted")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(c.want) {
				t.Errorf("%d faults, want %d:\n%v", len(lines), len(c.want), err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not name %s", err, w)
				}
			}
		})
	}
}

// longest has the longest times that the API accepts, and so much more.
func longest(more time.Duration) *hpa.Rules {
	return &hpa.Rules{StabilizationWindow: new(time.Hour + more), Policies: []hpa.Policy{pods(1, 30*time.Minute+more)}}
}
