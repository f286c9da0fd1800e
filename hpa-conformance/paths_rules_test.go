package conformance

import (
	"errors"
	"slices"

	"spillway/internal/hpa"
)

func is(target error) func(*sight) bool {
	return failure(func(err error) bool { return errors.Is(err, target) })
}

func podPaths() []path {
	asked := func(wanted func(*hpa.MetricSpec, *hpa.Proposal) bool) func(*sight) bool {
		return func(s *sight) bool { return proposed(s, wanted) }
	}
	pods := func(wanted func(*hpa.Pod) bool) func(*sight) bool {
		return both(asked(func(m *hpa.MetricSpec, p *hpa.Proposal) bool { return p.Err == nil && m.Target.Utilization != 0 }), func(s *sight) bool {
			return slices.ContainsFunc(s.step.Scene.Pods, func(p hpa.Pod) bool { return wanted(&p) })
		})
	}
	return []path{
		{"pods: one without a sample", asked(func(_ *hpa.MetricSpec, p *hpa.Proposal) bool { return p.Missing > 0 })},
		{"pods: one unready", asked(func(_ *hpa.MetricSpec, p *hpa.Proposal) bool { return p.Unready > 0 })},
		{"pods: one unready and busy: scaling up", asked(func(_ *hpa.MetricSpec, p *hpa.Proposal) bool {
			return p.Unready > 0 && p.Missing == 0 && p.Rule == hpa.RuleFilled
		})},
		{"pods: one ends or failed", asked(func(_ *hpa.MetricSpec, p *hpa.Proposal) bool { return p.Ignored > 0 })},
		{"pods: one never ready", pods(func(p *hpa.Pod) bool { return p.Phase == hpa.Running && p.Ready == hpa.ReadyAbsent })},
		{"pods: one of unknown readiness", pods(func(p *hpa.Pod) bool { return p.Ready == hpa.ReadyUnknown })},
		{"pods: one of unknown start", pods(func(p *hpa.Pod) bool { return p.Phase == hpa.Running && p.Started.IsZero() })},
		{"pods: one succeeded", pods(func(p *hpa.Pod) bool { return p.Phase == hpa.Succeeded })},
		{"pods: one has requests of its own", pods(func(p *hpa.Pod) bool { return p.Requests != nil })},
		{"pods: a sample of a pod that is gone", both(asked(func(_ *hpa.MetricSpec, p *hpa.Proposal) bool { return p.Err == nil }), func(s *sight) bool {
			return slices.ContainsFunc(s.step.Scene.Metrics, func(m hpa.Metric) bool {
				return slices.ContainsFunc(m.Samples, func(x hpa.Sample) bool { return x.Pod == "gone" })
			})
		})},
		{"pods: an empty answer", is(hpa.ErrNoItems)},
		{"pods: none matches the selector", is(hpa.ErrNoPods)},
		{"pods: none that counts is measured", is(hpa.ErrNoSamples)},
		{"pods: none that is measured requests anything", is(hpa.ErrNoRequests)},
		{"pods: one without the request or container", failure(func(err error) bool {
			var missing *hpa.RequestError
			return errors.As(err, &missing)
		})},
	}
}

func failed(out *hpa.Outcome) (n int) {
	for i := range out.Proposals {
		if out.Proposals[i].Err != nil {
			n++
		}
	}
	return n
}

func frozen(s *sight) bool { return event(hpa.ReasonEventFrozen)(s) }

func severalPaths() []path {
	return []path{
		{"metrics: the first of several counts", func(s *sight) bool { return len(s.out.Proposals) > 1 && failed(s.out) == 0 && s.out.Metric == 0 }},
		{"metrics: a later one counts", func(s *sight) bool { return failed(s.out) == 0 && s.out.Metric > 0 }},
		{"metrics: one alone is unreadable, frozen", func(s *sight) bool { return len(s.out.Proposals) == 1 && failed(s.out) == 1 }},
		{"metrics: all of several are unreadable, frozen", func(s *sight) bool { return len(s.out.Proposals) > 1 && failed(s.out) == len(s.out.Proposals) }},
		{"metrics: some are unreadable and the others ask for fewer, frozen", func(s *sight) bool {
			return failed(s.out) > 0 && failed(s.out) < len(s.out.Proposals) && frozen(s)
		}},
		{"metrics: some are unreadable and the others ask for more", func(s *sight) bool { return failed(s.out) > 0 && !frozen(s) && s.out.Rescale }},
	}
}

func behavior(s *sight) bool { return s.spec.Behavior != nil }

func noBehavior(s *sight) bool { return s.spec.Behavior == nil }

func choice(up bool, p hpa.SelectPolicy) func(*sight) bool {
	return func(s *sight) bool {
		if s.spec.Behavior == nil {
			return false
		}
		r := s.spec.Behavior.ScaleDown
		if up {
			r = s.spec.Behavior.ScaleUp
		}
		return r != nil && (r.Select == p || p == hpa.MaxChange && r.Select == "") && (p == hpa.Disabled || len(r.Policies) > 1)
	}
}

func ownTolerance(s *sight) bool {
	b := s.spec.Behavior
	return b != nil && (b.ScaleUp != nil && b.ScaleUp.Tolerance != nil || b.ScaleDown != nil && b.ScaleDown.Tolerance != nil)
}

func normalizePaths() []path {
	return []path{
		{"within tolerance", reason(hpa.ReasonWithinTolerance)},
		{"within a tolerance of its own", both(reason(hpa.ReasonWithinTolerance), ownTolerance)},
		{"a tolerance of its own, with the gate off", both(func(s *sight) bool { return s.spec.Settings.IgnoreTolerances && s.out.Proposals != nil }, ownTolerance)},
		{"what the metric asks for", reason(hpa.ReasonMetric)},
		{"no behavior: the window holds", both(reason(hpa.ReasonDownStabilized), noBehavior)},
		{"no behavior: an old proposal raises", both(func(s *sight) bool {
			return s.out.Rescale && s.out.Desired > s.step.Scene.Scale.Spec && s.out.Proposed < s.out.Desired
		}, noBehavior)},
		{"no behavior: at most doubled", both(reason(hpa.ReasonScaleUpLimit), noBehavior)},
		{"no behavior: the maximum", both(reason(hpa.ReasonTooManyReplicas), noBehavior)},
		{"no behavior: the minimum", both(reason(hpa.ReasonTooFewReplicas), noBehavior)},
		{"behavior: the scale-up window holds", both(reason(hpa.ReasonUpStabilized), behavior)},
		{"behavior: the scale-down window holds", both(reason(hpa.ReasonDownStabilized), behavior)},
		{"behavior: the scale-down window is the controller's", both(reason(hpa.ReasonDownStabilized), func(s *sight) bool {
			return behavior(s) && (s.spec.Behavior.ScaleDown == nil || s.spec.Behavior.ScaleDown.StabilizationWindow == nil)
		})},
		{"behavior: the scale-up policies limit", both(reason(hpa.ReasonScaleUpLimit), behavior)},
		{"behavior: the scale-up policies, Max of several", both(reason(hpa.ReasonScaleUpLimit), choice(true, hpa.MaxChange))},
		{"behavior: the scale-up policies, Min of several", both(reason(hpa.ReasonScaleUpLimit), choice(true, hpa.MinChange))},
		{"behavior: scaling up is disabled", both(reason(hpa.ReasonScaleUpLimit), choice(true, hpa.Disabled))},
		{"behavior: the scale-down policies limit", both(reason(hpa.ReasonScaleDownLimit), behavior)},
		{"behavior: the scale-down policies, Max of several", both(reason(hpa.ReasonScaleDownLimit), choice(false, hpa.MaxChange))},
		{"behavior: the scale-down policies, Min of several", both(reason(hpa.ReasonScaleDownLimit), choice(false, hpa.MinChange))},
		{"behavior: scaling down is disabled", both(reason(hpa.ReasonScaleDownLimit), choice(false, hpa.Disabled))},
		{"behavior: the maximum", both(reason(hpa.ReasonTooManyReplicas), behavior)},
		{"behavior: the minimum", both(reason(hpa.ReasonTooFewReplicas), behavior)},
	}
}

func cause(c hpa.Cause) func(*sight) bool {
	return func(s *sight) bool { return s.out.Rescale && s.out.Cause == c }
}

func writePaths() []path {
	refused := event(hpa.ReasonEventFailed)
	return []path{
		{"change: a metric is above its target", cause(hpa.CauseAbove)},
		{"change: every metric is below its target", cause(hpa.CauseBelow)},
		{"change: by an old proposal alone", cause(hpa.CauseNone)},
		{"change: to the maximum", cause(hpa.CauseAboveMax)},
		{"change: to the minimum", cause(hpa.CauseBelowMin)},
		{"change: refused", both(refused, func(s *sight) bool { return s.step.Conflicts == 0 })},
		{"change: made after conflicts", both(event(hpa.ReasonEventRescale), func(s *sight) bool { return s.step.Conflicts > 0 })},
		{"change: given up after conflicts", both(refused, func(s *sight) bool { return s.step.Conflicts > 4 })},
		{"change: refused with a metric unreadable", both(refused, func(s *sight) bool { return failed(s.out) > 0 })},
		{"status: written", func(s *sight) bool { return s.out.Written }},
		{"status: the same", func(s *sight) bool { return !s.out.Written && !event(hpa.ReasonEventNoStatus)(s) }},
		{"status: not taken", event(hpa.ReasonEventNoStatus)},
	}
}

func zeroPaths() []path {
	asleep := func(s *sight) bool { return s.step.Scene.Scale.Spec == 0 && s.out.Proposals != nil }
	holds := func(wanted bool) func(*sight) bool {
		return func(s *sight) bool {
			c := s.out.Status.Condition(hpa.ScaledToZero)
			return c != nil && c.Holds == wanted
		}
	}
	return []path{
		{"zero: goes there by itself, and says so", both(func(s *sight) bool { return s.out.Rescale && s.out.Desired == 0 }, holds(true))},
		{"zero: goes there with the gate off", both(func(s *sight) bool { return s.out.Rescale && s.out.Desired == 0 }, func(s *sight) bool { return !s.spec.Settings.ScaleToZero })},
		{"zero: looks, and stays", both(asleep, func(s *sight) bool { return !s.out.Rescale && !frozen(s) })},
		{"zero: looks, and cannot see", both(asleep, frozen)},
		{"zero: a metric brings it back", both(asleep, cause(hpa.CauseAbove))},
		{"zero: a raised minimum brings it back", both(asleep, cause(hpa.CauseBelowMin))},
		{"zero: a raised minimum and a metric bring it back", both(both(asleep, reason(hpa.ReasonBelowMin)), cause(hpa.CauseAbove))},
		{"zero: forgets that it went there", both(func(s *sight) bool { return s.out.Rescale && s.spec.Settings.ScaleToZero }, holds(false))},
		{"zero: the condition goes with the gate, disabled", both(reason(hpa.ReasonDisabled), func(s *sight) bool {
			return !s.spec.Settings.ScaleToZero && s.out.Status.Condition(hpa.ScaledToZero) == nil
		})},
	}
}
