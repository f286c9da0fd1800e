package externalmetrics

import (
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"spillway/internal/ask"
	"spillway/internal/backlog"
)

// choose leaves of an answer that differs by autoscaler the one that is asked for. A selector that says something about the labels
// horizontalpodautoscaler or namespace chooses by them, among all; any other means the one autoscaler of the namespace that has settings of
// its own, or else the common value.
func choose(a *ask.Ask, namespace string, sub backlog.Subscription, answer *backlog.Answer) error {
	if len(answer.Variants) == 0 {
		return nil
	}
	variants := answer.Variants
	answer.Variants = nil
	if a.Conditions("horizontalpodautoscaler") || a.Conditions("namespace") {
		matches := func(l []backlog.Label) bool {
			set := identity(a, sub)
			for _, one := range l {
				set[one.Name] = one.Value
			}
			return a.Matches(set)
		}
		if matches(nil) {
			return nil
		}
		variants = slices.DeleteFunc(variants, func(v backlog.Series) bool { return !matches(v.Labels) })
	} else if variants = slices.DeleteFunc(variants, func(v backlog.Series) bool { return label(v.Labels, "namespace") != namespace }); len(variants) == 0 {
		return nil
	}
	if len(variants) > 1 {
		return apierrors.NewBadRequest(ambiguous(sub, a.Metric.Metric, variants))
	}
	if len(variants) == 0 {
		answer.Total = backlog.Reading{}
		return notFound(fmt.Sprintf("no autoscaler that the selector names has settings of its own for %s", sub))
	}
	answer.Total = variants[0].Reading
	switch {
	case answer.Total.State != backlog.Absent:
		answer.Series = variants
	case answer.Reason == backlog.ReasonNone:
		answer.Reason, answer.Why = backlog.ReasonGap, "it is known by the settings of the flags, and not by those of the autoscaler; /explain says why"
	}
	return nil
}

func ambiguous(sub backlog.Subscription, m backlog.Metric, variants []backlog.Series) string {
	var names []string
	for _, v := range variants {
		names = append(names, label(v.Labels, "namespace")+"/"+label(v.Labels, "horizontalpodautoscaler"))
	}
	return fmt.Sprintf("%s of %s is another for each of the autoscalers %s; add the label horizontalpodautoscaler to the selector",
		m.Name(), sub, strings.Join(names, ", "))
}

func label(labels []backlog.Label, name string) string {
	for _, l := range labels {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}
