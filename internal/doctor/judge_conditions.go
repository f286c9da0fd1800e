package doctor

import (
	"spillway/internal/doctor/cluster"
)

// meaning is what a condition says in plain words.
type meaning struct {
	verdict   Verdict
	says, fix string
}

// meanings are those of the controller's conditions, by type, status and reason; an empty reason stands for all others.
func meanings() map[cluster.Condition]meaning {
	at := func(kind, status, reason string) cluster.Condition {
		return cluster.Condition{Type: kind, Status: status, Reason: reason}
	}
	const readings = "see the links apiservice and reading; while it lasts the autoscaler keeps its replicas and never scales in"
	return map[cluster.Condition]meaning{
		at("AbleToScale", "True", ""):                   {OK, "it can read and set the target's replicas", ""},
		at("AbleToScale", "True", "BackoffBoth"):        {OK, "it pauses after a change", ""},
		at("AbleToScale", "False", "FailedGetScale"):    {Failed, "it cannot read the target's replicas", "check that scaleTargetRef names an object that exists, with its apiVersion"},
		at("AbleToScale", "False", "FailedUpdateScale"): {Failed, "it cannot set the target's replicas", "see the message; an admission webhook or a quota may refuse"},
		at("AbleToScale", "False", ""):                  {Failed, "it cannot scale the target", "see the message"},

		at("ScalingActive", "True", ""):                         {OK, "it has a metric and acts on it", ""},
		at("ScalingActive", "False", "ScalingDisabled"):         {Failed, "the target has 0 replicas, which switches the autoscaler off", "scale the target to 1 or more: kubectl scale"},
		at("ScalingActive", "False", "FailedGetExternalMetric"): {Failed, "it gets no value of its External metric", readings},
		at("ScalingActive", "False", "FailedGetResourceMetric"): {Failed, "it gets no CPU or memory of the pods", "check that metrics-server runs and that the containers have requests"},
		at("ScalingActive", "False", "FailedGetPodsMetric"):     {Failed, "it gets no value of its Pods metric", "check the adapter of custom.metrics.k8s.io"},
		at("ScalingActive", "False", "FailedGetObjectMetric"):   {Failed, "it gets no value of its Object metric", "check the adapter of custom.metrics.k8s.io"},
		at("ScalingActive", "False", "InvalidSelector"):         {Failed, "the target's pods cannot be selected", "check the selector of the target"},
		at("ScalingActive", "False", "AmbiguousSelector"):       {Failed, "several autoscalers scale the same pods", "leave one of them; the message names them"},
		at("ScalingActive", "False", "InvalidMetricSourceType"): {Failed, "one of its metrics has a type that does not exist", "correct the autoscaler"},
		at("ScalingActive", "False", ""):                        {Failed, "it does not act", readings},

		at("ScalingLimited", "False", ""):               {OK, "no bound or policy holds it back", ""},
		at("ScalingLimited", "True", "TooFewReplicas"):  {OK, "it is at its minimum", ""},
		at("ScalingLimited", "True", "TooManyReplicas"): {Warning, "it is at its maximum and would take more pods", "raise maxReplicas if the backlog grows"},
		at("ScalingLimited", "True", "ScaleUpLimit"):    {OK, "its policy lets it add pods no faster", ""},
		at("ScalingLimited", "True", "ScaleDownLimit"):  {OK, "its policy lets it take pods away no faster", ""},
		at("ScalingLimited", "True", ""):                {OK, "a bound or policy holds it back", ""},
	}
}

// judgeConditions judges each of the conditions that the controller has set.
func judgeConditions(conditions []cluster.Condition) []Finding {
	if len(conditions) == 0 {
		return []Finding{warning(linkConditions, "", "the controller has not looked at the autoscaler yet", "look again after half a minute; else check that kube-controller-manager runs")}
	}
	table := meanings()
	found := make([]Finding, 0, len(conditions))
	for _, c := range conditions {
		key := cluster.Condition{Type: c.Type, Status: c.Status, Reason: c.Reason}
		m, known := table[key]
		if !known {
			key.Reason = ""
			m, known = table[key]
		}
		if !known {
			m = meaning{Warning, "it is not known whether this is well", "see the message"}
			if c.Status == "True" {
				m = meaning{OK, "a condition that doctor does not know", ""}
			}
		}
		says := m.says + " (" + c.Reason + ")"
		if m.verdict != OK && c.Message != "" {
			says += ": " + oneLine(c.Message)
		}
		found = append(found, Finding{linkConditions, c.Type, m.verdict, says, m.fix})
	}
	return found
}
