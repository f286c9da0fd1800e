package conformance

// mutant is a fault in one of our files.
type mutant struct {
	name              string
	file              string
	original, mutated string
}

// mutants are faults that somebody could make in reading the controller's source.
func mutants() []mutant {
	return []mutant{
		{
			"a proposal one window old still counts", "stabilize.go",
			"if p.at.After(downCutoff) {", "if !p.at.Before(downCutoff) {",
		},
		{
			"without behavior a proposal one window old is gone", "stabilize.go",
			"if p := &c.proposals[i]; !p.at.Before(cutoff) {", "if p := &c.proposals[i]; p.at.After(cutoff) {",
		},
		{
			"the windows hold what was decided, not what was asked for", "stabilize.go",
			"return min(max(spec, lowest), highest)", "c.proposals[len(c.proposals)-1].replicas = min(max(spec, lowest), highest)\n\treturn min(max(spec, lowest), highest)",
		},
		{
			"a controller begins without a proposal", "controller.go",
			"c.proposals = history{{at: now, replicas: spec}}", "c.proposals = history{}",
		},
		{
			"within tolerance is what was asked for, not what exists", "proposal.go",
			"p.Replicas, p.Rule = status, RuleTolerance", "p.Replicas, p.Rule = s.Scale.Spec, RuleTolerance",
		},
		{
			"the border of the tolerance is outside", "proposal.go",
			"ratio <= 1+c.up.tolerance", "ratio < 1+c.up.tolerance",
		},
		{
			"the tolerances change places", "proposal.go",
			"return 1-c.down.tolerance <= ratio && ratio <= 1+c.up.tolerance", "return 1-c.up.tolerance <= ratio && ratio <= 1+c.down.tolerance",
		},
		{
			"a value multiplies all pods", "proposal.go",
			"pods := ratio * float64(ready)", "pods := ratio * float64(max(ready, len(s.Pods)))",
		},
		{
			"a missing pod is idle on the way down", "usage.go",
			"u.values[pod] = target.AverageValue\n", "u.values[pod] = 0\n",
		},
		{
			"a missing pod is at its request, whatever the target", "usage.go",
			"Milli(max(100, target.Utilization)) / 100", "100 / 100",
		},
		{
			"an unready pod counts on the way up", "usage.go",
			"rising := len(u.unready) > 0 && ratio > 1", "rising := false",
		},
		{
			"a pod that ends still counts", "usage.go",
			"case p.Deleted || p.Phase == Failed:", "case p.Phase == Failed:",
		},
		{
			"a pod that warms up is ready", "pod.go",
			"return p.Ready == ReadyFalse || s.At.Before(p.ReadySince.Add(s.Window))", "return p.Ready == ReadyFalse",
		},
		{
			"filled in, the direction may turn", "usage.go",
			"case ratio < 1 && filled > 1, ratio > 1 && filled < 1:", "case ratio > 1 && filled < 1:",
		},
		{
			"the last proposal counts, not the largest", "ask.go",
			"if largest == 0 || p.Replicas > largest {", "if true {",
		},
		{
			"an unreadable metric does not keep others from asking for fewer", "ask.go",
			"if failed == len(c.metrics) || largest < s.Scale.Spec {", "if failed == len(c.metrics) {",
		},
		{
			"a percentage of the fall is rounded up", "rules.go",
			"return int32(float64(start) * (1 - float64(p.Value)/100))", "return int32(math.Ceil(float64(start) * (1 - float64(p.Value)/100)))",
		},
		{
			"Min and Max of the scale-down policies change places", "limit.go",
			"limit = max(limit, bound)\n\t\tdefault:\n\t\t\tlimit = min(limit, bound)", "limit = min(limit, bound)\n\t\tdefault:\n\t\t\tlimit = max(limit, bound)",
		},
		{
			"a period forgets what was removed in it", "limit.go",
			"return spec - c.added.sumAfter(cutoff) + c.removed.sumAfter(cutoff)", "return spec - c.added.sumAfter(cutoff)",
		},
		{
			"a change that was too old keeps its place when periods get longer", "history.go",
			"h[i].spent = h[i].spent || h[i].at.Before(cutoff)", "h[i].spent = h[i].at.Before(cutoff)",
		},
		{
			"a refused change is remembered", "reconcile.go",
			"t.out.Err = w.Err\n", "t.out.Err = w.Err\n\t\tt.c.remember(t.now, spec, v.Desired)\n",
		},
		{
			"who is at 0 is never looked at", "controller.go",
			"return woken && (c.min != 0 || c.seesWithoutPods())", "return false && woken && (c.min != 0 || c.seesWithoutPods())",
		},
		{
			"the same status is written again", "reconcile.go",
			"if t.out.Status.equal(t.past) {", "if false && t.out.Status.equal(t.past) {",
		},
	}
}
