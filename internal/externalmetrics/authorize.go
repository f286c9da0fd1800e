package externalmetrics

import (
	"context"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// anySelector asks whether somebody may read a metric at all, whatever the selector. The selector would be a part of
// what is asked, and so of what is cached: a thousand autoscalers would cost a thousand access reviews every 15 s, and
// the library sends 200 a second. Who may read everything may read what a selector leaves of it, never the reverse.
type anySelector struct{ authorizer.Authorizer }

func (a anySelector) Authorize(ctx context.Context, attributes authorizer.Attributes) (authorizer.Decision, string, error) {
	return a.Authorizer.Authorize(ctx, unselected{attributes})
}

func (a anySelector) ConditionsAwareAuthorize(ctx context.Context, attributes authorizer.Attributes) authorizer.ConditionsAwareDecision {
	return authorizer.ConditionsAwareDecisionFromParts(a.Authorize(ctx, attributes))
}

type unselected struct{ authorizer.Attributes }

func (unselected) GetFieldSelector() (fields.Requirements, error) { return nil, nil }
func (unselected) GetLabelSelector() (labels.Requirements, error) { return nil, nil }
