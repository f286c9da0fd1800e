package conformance

import (
	"slices"

	"spillway/hpa-conformance/trace"
	"spillway/internal/hpa"
)

// sight is everything about one decision.
type sight struct {
	spec *hpa.Spec // With the change of this step.
	step *trace.Step
	out  *hpa.Outcome
}

// path is a way through the controller's code, by what can be seen of it.
type path struct {
	name  string
	taken func(*sight) bool
}

func count(counts map[string]int, s *sight) {
	for _, p := range paths() {
		if p.taken(s) {
			counts[p.name]++
		}
	}
}

// paths are those that a run must take.
func paths() []path {
	return slices.Concat(targetPaths(), metricPaths(), podPaths(), severalPaths(), normalizePaths(), writePaths(), zeroPaths())
}

func reason(r hpa.Reason) func(*sight) bool {
	return func(s *sight) bool { return s.out.Reason == r }
}

func both(a, b func(*sight) bool) func(*sight) bool {
	return func(s *sight) bool { return a(s) && b(s) }
}

func fault(f trace.FaultError) func(*sight) bool {
	return func(s *sight) bool {
		return s.step.Scene.Scale.Err != nil && s.step.Scene.Scale.Err.Error() == string(f)
	}
}

func selector(x hpa.Selector) func(*sight) bool {
	return func(s *sight) bool {
		return s.step.Scene.Scale.Selector == x && (s.out.Reason == hpa.ReasonSelector || s.out.Reason == hpa.ReasonAmbiguous)
	}
}

func event(r hpa.Reason) func(*sight) bool {
	return func(s *sight) bool {
		return slices.ContainsFunc(s.out.Events, func(e hpa.Event) bool { return e.Reason == r })
	}
}

func targetPaths() []path {
	return []path{
		{"target: the call fails", fault("the API server is away")},
		{"target: wrong API version", fault(trace.ErrVersion)},
		{"target: kind not served", fault(trace.ErrKind)},
		{"target: selector missing", selector(hpa.SelectorMissing)},
		{"target: selector invalid", selector(hpa.SelectorInvalid)},
		{"target: selector ambiguous", selector(hpa.SelectorAmbiguous)},
		{"target: at 0, disabled", reason(hpa.ReasonDisabled)},
		{"target: above the maximum", reason(hpa.ReasonAboveMax)},
		{"target: below the minimum", both(reason(hpa.ReasonBelowMin), func(s *sight) bool { return s.step.Scene.Scale.Spec > 0 })},
		{"target: has fewer or more than it asks for", func(s *sight) bool {
			return s.step.Scene.Scale.Status != s.step.Scene.Scale.Spec && s.out.Proposals != nil
		}},
		{"the autoscaler is changed", func(s *sight) bool { return s.step.Spec != nil }},
	}
}

// metricPaths are those of each source and target.
func metricPaths() []path {
	perPod := []hpa.Rule{hpa.RuleTolerance, hpa.RuleProportional, hpa.RuleFailed}
	byRatio := []hpa.Rule{hpa.RuleTolerance, hpa.RuleProportional, hpa.RuleFromZero, hpa.RuleFailed}
	ofPods := []hpa.Rule{
		hpa.RuleTolerance, hpa.RuleProportional, hpa.RuleFilled, hpa.RuleFilledNear, hpa.RuleTurned, hpa.RuleCountTurned, hpa.RuleFailed,
	}
	var list []path
	for _, g := range []struct {
		source hpa.Source
		kind   string
		is     func(hpa.Target) bool
		rules  []hpa.Rule
	}{
		{hpa.External, "AverageValue", average, append(slices.Clone(perPod), hpa.RuleCapped)},
		{hpa.External, "Value", value, append(slices.Clone(byRatio), hpa.RuleCapped)},
		{hpa.Object, "AverageValue", average, perPod},
		{hpa.Object, "Value", value, byRatio},
		{hpa.PodsMetric, "AverageValue", average, ofPods},
		{hpa.Resource, "AverageValue", average, ofPods},
		{hpa.Resource, "Utilization", utilization, ofPods},
		{hpa.ContainerResource, "AverageValue", average, ofPods},
		{hpa.ContainerResource, "Utilization", utilization, ofPods},
	} {
		for _, r := range g.rules {
			list = append(list, path{string(g.source) + " " + g.kind + ": " + string(r), func(s *sight) bool {
				return proposed(s, func(m *hpa.MetricSpec, p *hpa.Proposal) bool {
					return m.Source == g.source && g.is(m.Target) && p.Rule == r
				})
			}})
		}
	}
	return append(list,
		path{"External: series are added up", func(s *sight) bool {
			return slices.ContainsFunc(s.step.Scene.Metrics, func(m hpa.Metric) bool { return len(m.Items) > 1 })
		}},
		path{"External, Object: a value below 0", func(s *sight) bool {
			return s.out.Proposals != nil && slices.ContainsFunc(s.step.Scene.Metrics, func(m hpa.Metric) bool { return len(m.Items) == 1 && m.Items[0] < 0 })
		}},
	)
}

func average(t hpa.Target) bool     { return t.AverageValue != 0 }
func value(t hpa.Target) bool       { return t.Value != 0 }
func utilization(t hpa.Target) bool { return t.Utilization != 0 }

// proposed says whether one of the metrics that were read is as wanted.
func proposed(s *sight, wanted func(*hpa.MetricSpec, *hpa.Proposal) bool) bool {
	for i := range s.out.Proposals {
		if wanted(&s.spec.Metrics[i], &s.out.Proposals[i]) {
			return true
		}
	}
	return false
}

func failure(wanted func(error) bool) func(*sight) bool {
	return func(s *sight) bool {
		return proposed(s, func(_ *hpa.MetricSpec, p *hpa.Proposal) bool { return p.Err != nil && wanted(p.Err) })
	}
}
