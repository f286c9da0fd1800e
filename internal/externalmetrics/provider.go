package externalmetrics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/metrics/pkg/apis/external_metrics"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"spillway/internal/ask"
	"spillway/internal/backlog"
)

// Delegate answers for metrics that are not ours. *Forwarder is one.
type Delegate interface {
	List(ctx context.Context, namespace, metric string, selector labels.Selector) (*external_metrics.ExternalMetricValueList, error)
}

// Source is what the provider answers from. Every field is safe for concurrent use.
type Source struct {
	// Board has the readings, Book their names.
	Board backlog.Board
	Book  *ask.Book
	// Project is whose a subscription is when the selector names no project; may be empty.
	Project string
	// Whole reports whether every subscription of a project is watched; nil means of none. Only then can a selector that
	// names no subscription be answered.
	Whole func(project string) bool
	// Delegate is asked for metrics that are not ours; nil means that there are none.
	Delegate Delegate
	// Now is the clock.
	Now func() time.Time
}

// Provider answers one request after the other from the board. Nothing is read from Cloud Monitoring meanwhile.
type Provider struct {
	source  Source
	metrics *metrics
	listed  []provider.ExternalMetricInfo
}

var _ provider.ExternalMetricsProvider = (*Provider)(nil)

// newProvider returns a provider over the source.
func newProvider(source Source, m *metrics) *Provider {
	p := &Provider{source: source, metrics: m}
	for _, metric := range source.Board.Metrics() {
		for _, name := range ask.Spellings(metric) {
			if _, err := source.Book.Find(name); err == nil {
				p.listed = append(p.listed, provider.ExternalMetricInfo{Metric: name})
			}
		}
	}
	return p
}

// ListAllExternalMetrics names the metrics that are read for every subscription, for discovery. The delegate's are not
// among them; autoscalers do not look here.
func (p *Provider) ListAllExternalMetrics() []provider.ExternalMetricInfo { return p.listed }

// GetExternalMetric returns an item for every series that the selector matches; the autoscaler adds them up. Who may ask in which
// namespace has been decided before; where an autoscaler of that namespace has settings of its own, what it asks for is by these.
func (p *Provider) GetExternalMetric(ctx context.Context, namespace string, selector labels.Selector, info provider.ExternalMetricInfo) (*external_metrics.ExternalMetricValueList, error) {
	if p.source.Delegate != nil && !p.source.Book.Ours(info.Metric) {
		list, err := p.source.Delegate.List(ctx, namespace, info.Metric, selector)
		p.metrics.answered(outcomeOf(err, outcomeDelegated))
		return list, err
	}
	items, err := p.items(namespace, info.Metric, selector)
	p.metrics.answered(outcomeOf(err, outcomeValue))
	if err != nil {
		return nil, err
	}
	return &external_metrics.ExternalMetricValueList{Items: items}, nil
}

func (p *Provider) items(namespace, name string, selector labels.Selector) ([]external_metrics.ExternalMetricValue, error) {
	a, err := p.source.Book.Parse(name, selector, p.source.Project)
	if err != nil {
		return nil, refused(err)
	}
	subs := a.Subscriptions
	if a.Open() {
		if subs, err = p.every(a, selector); err != nil {
			return nil, err
		}
	}
	now := p.source.Now()
	var items []external_metrics.ExternalMetricValue
	for _, sub := range subs {
		answer := p.source.Board.Answer(sub, a.Metric.Metric, now)
		if err := choose(a, namespace, sub, &answer); err != nil {
			return nil, err
		}
		if items, err = appendItems(items, a, sub, &answer); err != nil {
			return nil, err
		}
	}
	if len(items) == 0 {
		return nil, notFound("no series of " + name + " matches the selector " + clip(selector.String()))
	}
	oldestFirst(items)
	return items, nil
}

// every returns the subscriptions of an ask that names none.
func (p *Provider) every(a *ask.Ask, selector labels.Selector) ([]backlog.Subscription, error) {
	var subs []backlog.Subscription
	for _, project := range a.Projects {
		if p.source.Whole == nil || !p.source.Whole(project) {
			return nil, refused(ask.Unselected(selector))
		}
	}
	for _, sub := range p.source.Board.Subscriptions() {
		for _, project := range a.Projects {
			if sub.Project == project && a.Matches(identity(a, sub)) {
				subs = append(subs, sub)
			}
		}
	}
	return subs, nil
}

// refused returns the API's error for an ask that cannot be answered: 404 for a metric that is unknown, else 400.
func refused(err error) error {
	why, ok := errors.AsType[*ask.Error](err)
	switch {
	case !ok:
		return apierrors.NewInternalError(err)
	case why.Reason == ask.UnknownMetric:
		return notFound(why.Message)
	default:
		return apierrors.NewBadRequest(why.Message)
	}
}

// unanswered returns the API's error for a reading that is absent. It has no Retry-After, because a client would wait for
// that inside the call and keep the autoscalers behind it waiting.
func unanswered(sub backlog.Subscription, metric backlog.Metric, answer *backlog.Answer) error {
	message := fmt.Sprintf("%s of %s is not known (%s)", metric.Name(), sub, answer.Reason)
	if answer.Why != "" {
		message += ": " + answer.Why
	}
	switch answer.Reason {
	case backlog.ReasonNotWatched, backlog.ReasonMissing, backlog.ReasonDeleted:
		return notFound(message)
	default:
		return apierrors.NewServiceUnavailable(message)
	}
}

func notFound(message string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound, Message: message,
	}}
}

// clip bounds what of a request or an answer is repeated in an error.
func clip(text string) string {
	const most = 200
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}
