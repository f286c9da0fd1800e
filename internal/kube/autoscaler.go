package kube

import (
	"errors"
	"slices"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"spillway/internal/ask"
	"spillway/internal/backlog"
)

// Autoscaler names a HorizontalPodAutoscaler.
type Autoscaler struct{ Namespace, Name string }

// String returns namespace/name.
func (a Autoscaler) String() string { return a.Namespace + "/" + a.Name }

// Scaled is the object whose replicas an autoscaler sets, in the autoscaler's namespace.
type Scaled struct{ APIVersion, Kind, Name string }

// autoscaler is what concerns us of one HorizontalPodAutoscaler that asks for metrics of ours. It is never changed.
type autoscaler struct {
	Autoscaler
	uid             types.UID
	resourceVersion string
	scaled          Scaled
	min, max        int32
	current         int32 // replicas at the controller's last look
	window          time.Duration
	settings        map[string]string
	asks            []*ask.Ask
	faults          []fault
}

// fault is why an autoscaler's ask cannot be answered.
type fault struct {
	reason ask.Reason
	// about is the metric or subscription; together with the reason it says whether two faults are the same.
	about   string
	message string
}

// reader says what the asks of autoscalers mean.
type reader struct {
	book    *ask.Book
	project string
	whole   func(project string) bool
	check   func(settings map[string]string) []SettingFault
}

// settingPrefix begins the annotations by which an autoscaler sets its own law.
const settingPrefix = "spillway/"

// SettingFault is what is wrong with an annotation of an autoscaler.
type SettingFault struct {
	// Key is the annotation's name behind spillway/.
	Key string
	// Message is a sentence for people, with the cure.
	Message string
}

// defaultWindow is an autoscaler's that names none.
const defaultWindow = 5 * time.Minute

// read returns nil for an autoscaler that asks for nothing of ours.
func (r *reader) read(hpa *autoscalingv2.HorizontalPodAutoscaler) *autoscaler {
	a := &autoscaler{
		Autoscaler: Autoscaler{hpa.Namespace, hpa.Name}, uid: hpa.UID, resourceVersion: hpa.ResourceVersion,
		scaled: Scaled{APIVersion: hpa.Spec.ScaleTargetRef.APIVersion, Kind: hpa.Spec.ScaleTargetRef.Kind, Name: hpa.Spec.ScaleTargetRef.Name},
		min:    1, max: hpa.Spec.MaxReplicas, current: hpa.Status.CurrentReplicas, window: defaultWindow,
	}
	if hpa.Spec.MinReplicas != nil {
		a.min = *hpa.Spec.MinReplicas
	}
	for i := range hpa.Spec.Metrics {
		metric := &hpa.Spec.Metrics[i]
		if metric.Type != autoscalingv2.ExternalMetricSourceType || metric.External == nil || !r.book.Ours(metric.External.Metric.Name) {
			continue
		}
		asked, err := r.parse(metric.External.Metric)
		if err != nil {
			a.faults = append(a.faults, *err)
			continue
		}
		a.asks = append(a.asks, asked)
	}
	if len(a.asks)+len(a.faults) == 0 {
		return nil
	}
	r.set(a, hpa)
	return a
}

// set takes in what the autoscaler says about itself.
func (r *reader) set(a *autoscaler, hpa *autoscalingv2.HorizontalPodAutoscaler) {
	if b := hpa.Spec.Behavior; b != nil && b.ScaleDown != nil && b.ScaleDown.StabilizationWindowSeconds != nil {
		a.window = time.Duration(*b.ScaleDown.StabilizationWindowSeconds) * time.Second
	}
	for key, value := range hpa.Annotations {
		if name, ours := strings.CutPrefix(key, settingPrefix); ours {
			if a.settings == nil {
				a.settings = map[string]string{}
			}
			a.settings[name] = value
		}
	}
	if r.check == nil || a.settings == nil {
		return
	}
	for _, f := range r.check(a.settings) {
		a.faults = append(a.faults, fault{ask.BadAnnotation, settingPrefix + f.Key, f.Message})
	}
}

func (r *reader) parse(metric autoscalingv2.MetricIdentifier) (*ask.Ask, *fault) {
	selector := labels.Everything() // as the controller asks when there is none
	if metric.Selector != nil {
		var err error
		if selector, err = metav1.LabelSelectorAsSelector(metric.Selector); err != nil {
			return nil, &fault{ask.BadSelector, metric.Name, "The selector does not parse: " + err.Error() + "."}
		}
	}
	asked, err := r.book.Parse(metric.Name, selector, r.project)
	if refused, ok := errors.AsType[*ask.Error](err); ok {
		return nil, &fault{refused.Reason, metric.Name, refused.Message}
	}
	if err != nil {
		return nil, &fault{ask.BadSelector, metric.Name, err.Error()}
	}
	if asked.Open() && slices.ContainsFunc(asked.Projects, func(p string) bool { return r.whole == nil || !r.whole(p) }) {
		refused := ask.Unselected(selector)
		return nil, &fault{refused.Reason, metric.Name, refused.Message}
	}
	return asked, nil
}

// subscriptions returns those that the autoscaler names, in order and once each.
func (a *autoscaler) subscriptions() []backlog.Subscription {
	var subs []backlog.Subscription
	for _, asked := range a.asks {
		subs = append(subs, asked.Subscriptions...)
	}
	slices.SortFunc(subs, backlog.Subscription.Compare)
	return slices.Compact(subs)
}

// wants returns what the autoscaler wants to be read. Metrics that are not Cloud Monitoring's are made of others.
func (a *autoscaler) wants() []backlog.Want {
	var wants []backlog.Want
	for _, asked := range a.asks {
		metric := asked.Metric.Metric
		var metrics []backlog.Metric
		if metric.Path() != string(metric) {
			metrics = []backlog.Metric{metric}
		}
		for _, sub := range asked.Subscriptions {
			wants = append(wants, backlog.Want{Subscription: sub, Metrics: metrics, By: "hpa " + a.String()})
		}
	}
	return wants
}
