package hpa_test

import (
	"errors"
	"math"
	"testing"

	"spillway/internal/hpa"
)

func TestSources(t *testing.T) {
	broken := errors.New("adapter is gone")
	cases := map[string]struct {
		metric  hpa.MetricSpec
		scene   hpa.Scene
		want    int32
		rule    hpa.Rule
		current hpa.MetricStatus
		err     error
	}{
		"an external value multiplies the pods that are ready": {
			metric: external(hpa.Target{Value: 1000}), scene: at(4, readyPods(3), hpa.Value(2000)), want: 6, rule: hpa.RuleProportional,
			current: hpa.MetricStatus{Source: hpa.External, Name: "backlog", Kind: hpa.KindValue, Value: 2000},
		},
		"within tolerance it is what was asked for": {
			metric: external(hpa.Target{Value: 1000}), scene: at(4, nil, hpa.Value(1100)), want: 4, rule: hpa.RuleTolerance,
			current: hpa.MetricStatus{Source: hpa.External, Name: "backlog", Kind: hpa.KindValue, Value: 1100},
		},
		"beyond 32 bits": {
			metric: external(hpa.Target{Value: 1}), scene: at(4, readyPods(1), hpa.Metric{Items: []hpa.Milli{math.MaxInt64, 5}}), want: math.MaxInt32, rule: hpa.RuleCapped,
			current: hpa.MetricStatus{Source: hpa.External, Name: "backlog", Kind: hpa.KindValue, Value: math.MaxInt64},
		},
		"below 0 counts as such": {
			metric: external(hpa.Target{Value: 1000}), scene: at(4, readyPods(2), hpa.Metric{Items: []hpa.Milli{-3000, 1000}}), want: -4, rule: hpa.RuleProportional,
			current: hpa.MetricStatus{Source: hpa.External, Name: "backlog", Kind: hpa.KindValue, Value: -2000},
		},
		"without pods to multiply it is an error": {
			metric: external(hpa.Target{Value: 1000}), scene: at(4, nil, hpa.Value(2000)), rule: hpa.RuleFailed, err: hpa.ErrNoPods,
		},
		"an external value that is not there": {
			metric: external(hpa.Target{Value: 1000}), scene: at(4, nil, hpa.Metric{}), rule: hpa.RuleFailed, err: hpa.ErrNoItems,
		},
		"a reading that was left out is not there": {
			metric: external(hpa.Target{AverageValue: 1000}), scene: at(4, nil), rule: hpa.RuleFailed, err: hpa.ErrNoItems,
		},
		"an object's value": {
			metric: object(hpa.Target{Value: 1000}), scene: at(2, readyPods(2), hpa.Value(3000)), want: 6, rule: hpa.RuleProportional,
			current: hpa.MetricStatus{Source: hpa.Object, Name: "requests", Kind: hpa.KindValue, Value: 3000},
		},
		"an object's average value": {
			metric: object(hpa.Target{AverageValue: 1000}), scene: at(2, nil, hpa.Value(3001)), want: 4, rule: hpa.RuleProportional,
			current: hpa.MetricStatus{Source: hpa.Object, Name: "requests", Kind: hpa.KindAverageValue, Value: 1501},
		},
		"an object's average value below 0 is no overflow": {
			metric: object(hpa.Target{AverageValue: 1000}), scene: at(2, nil, hpa.Value(-3000)), want: -3, rule: hpa.RuleProportional,
			current: hpa.MetricStatus{Source: hpa.Object, Name: "requests", Kind: hpa.KindAverageValue, Value: -1500},
		},
		"an object that cannot be read": {
			metric: object(hpa.Target{AverageValue: 1000}), scene: at(2, nil, hpa.Metric{Err: broken}), rule: hpa.RuleFailed, err: broken,
		},
		"an external overflow shows as the largest value": {
			metric: external(hpa.Target{AverageValue: 1}), scene: at(2, nil, hpa.Value(-1)), want: math.MaxInt32, rule: hpa.RuleCapped,
			current: hpa.MetricStatus{Source: hpa.External, Name: "backlog", Kind: hpa.KindAverageValue, Value: math.MaxInt64},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := reconcile(t, one(c.metric), hpa.Status{}, c.scene).Proposals[0]
			if got.Rule != c.rule || got.Replicas != c.want || !errors.Is(got.Err, c.err) {
				t.Errorf("proposal %+v, want %d by %s, error %v", got, c.want, c.rule, c.err)
			}
			expect(t, c.current, got.Current)
		})
	}
}

func TestSeveralMetrics(t *testing.T) {
	spec := one(external(hpa.Target{AverageValue: 1000}))
	spec.Metrics = append(spec.Metrics, object(hpa.Target{AverageValue: 1000}))
	broken := hpa.Metric{Err: errors.New("adapter is gone")}
	cases := map[string]struct {
		metrics []hpa.Metric
		want    int32
		metric  int
		reason  hpa.Reason
		failed  bool
	}{
		"the largest counts":                     {[]hpa.Metric{hpa.Value(7000), hpa.Value(4000)}, 7, 0, hpa.ReasonMetric, false},
		"also when it comes later":               {[]hpa.Metric{hpa.Value(3000), hpa.Value(8000)}, 8, 1, hpa.ReasonMetric, false},
		"at the same number the first":           {[]hpa.Metric{hpa.Value(7000), hpa.Value(7000)}, 7, 0, hpa.ReasonMetric, false},
		"one unreadable, the other asks more":    {[]hpa.Metric{broken, hpa.Value(8000)}, 8, 1, hpa.ReasonMetric, true},
		"one unreadable, the other asks less":    {[]hpa.Metric{broken, hpa.Value(2000)}, 5, 0, hpa.ReasonMetricError, true},
		"one unreadable, the other asks to stay": {[]hpa.Metric{hpa.Value(5000), broken}, 5, 0, hpa.ReasonWithinTolerance, true},
		"both unreadable":                        {[]hpa.Metric{broken, broken}, 5, 0, hpa.ReasonMetricError, true},
		"an object alone unreadable":             {[]hpa.Metric{hpa.Value(1000), broken}, 5, 1, "FailedGetObjectMetric", true},
		"below 0 counts as 0":                    {[]hpa.Metric{hpa.Value(0), hpa.Value(-9000)}, 1, 1, hpa.ReasonTooFewReplicas, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := reconcile(t, spec, hpa.Status{}, at(5, nil, c.metrics...))
			expectDecision(t, got.Decision, c.want, c.reason)
			if got.Metric != c.metric || (got.Err != nil) != c.failed {
				t.Errorf("metric %d, error %v; want metric %d, error: %v", got.Metric, got.Err, c.metric, c.failed)
			}
		})
	}
}
