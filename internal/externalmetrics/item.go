package externalmetrics

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/metrics/pkg/apis/external_metrics"

	"spillway/internal/ask"
	"spillway/internal/backlog"
)

// identity returns the labels that every series of the subscription has.
func identity(a *ask.Ask, sub backlog.Subscription) labels.Set {
	return labels.Set{
		"project_id": sub.Project, "subscription_id": sub.ID,
		"unit": a.Metric.Unit, "resource.type": "pubsub_subscription",
	}
}

// appendItems adds an item for every series of the answer that the ask matches. An answer without a total is an error,
// unless the ask names the series that it wants and each of them is there.
func appendItems(items []external_metrics.ExternalMetricValue, a *ask.Ask, sub backlog.Subscription, answer *backlog.Answer) ([]external_metrics.ExternalMetricValue, error) {
	common, before := identity(a, sub), len(items)
	series := answer.Series
	if len(series) == 0 && answer.Total.State != backlog.Absent {
		series = []backlog.Series{{Reading: answer.Total, Rate: answer.Rate}}
	}
	for i := range series {
		set := common
		if len(series[i].Labels) > 0 {
			set = maps.Clone(common)
			for _, l := range series[i].Labels {
				set[l.Name] = l.Value
			}
		}
		if !a.Matches(set) {
			continue
		}
		item, err := newItem(a, set, &series[i])
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	if answer.Total.State == backlog.Absent && !complete(a, series, len(items)-before) {
		return nil, unanswered(sub, a.Metric.Metric, answer)
	}
	return items, nil
}

// complete reports whether matched series are all that the ask can mean although others are missing: it names the values
// of a label by which the series differ, and there is a series for each.
func complete(a *ask.Ask, series []backlog.Series, matched int) bool {
	if matched == 0 {
		return false
	}
	for _, l := range series[0].Labels {
		if wanted, named := a.Named(l.Name); named {
			return len(series[0].Labels) == 1 && matched == len(wanted)
		}
	}
	return false
}

// newItem renders one series. A counter is given as its rate, as the Stackdriver adapter does.
func newItem(a *ask.Ask, set labels.Set, series *backlog.Series) (external_metrics.ExternalMetricValue, error) {
	value := series.Value
	if a.Metric.Kind == backlog.Delta {
		value = series.Rate
	}
	amount, err := quantity(value)
	if err != nil {
		return external_metrics.ExternalMetricValue{}, fmt.Errorf("%s of %s: %w", a.Metric.Metric.Name(), set["subscription_id"], err)
	}
	return external_metrics.ExternalMetricValue{
		MetricName: a.Name, MetricLabels: spelled(a, set), Timestamp: metav1.NewTime(series.At), Value: *amount,
	}, nil
}

// spelled returns the labels with the keys of the spelling that was asked for.
func spelled(a *ask.Ask, set labels.Set) map[string]string {
	if !strings.Contains(a.Name, "|") {
		plain := maps.Clone(set)
		delete(plain, "resource.type")
		return plain
	}
	keyed := make(map[string]string, len(set))
	for key, value := range set {
		switch key {
		case "unit":
		case "resource.type":
			keyed[key] = value
		case "project_id", "subscription_id":
			keyed["resource.labels."+key] = value
		default:
			keyed["metric.labels."+key] = value
		}
	}
	return keyed
}

// exact is up to where every whole number has a float64 of its own.
const exact = 1 << 53

// quantity returns a whole number as it is and any other in thousandths, rounded up: an autoscaler should not see less
// than there is. What no quantity can say is an error.
func quantity(value float64) (*resource.Quantity, error) {
	switch whole := math.Trunc(value) == value; {
	case math.IsNaN(value) || math.Abs(value) > exact:
		return nil, fmt.Errorf("the value %g cannot be given to an autoscaler", value)
	case whole:
		return resource.NewQuantity(int64(value), resource.DecimalSI), nil
	case math.Abs(value) > exact/1000:
		return resource.NewQuantity(int64(math.Ceil(value)), resource.DecimalSI), nil
	default:
		return resource.NewMilliQuantity(int64(math.Ceil(value*1000)), resource.DecimalSI), nil
	}
}

// oldestFirst orders the items by their instants: an autoscaler shows the first one's.
func oldestFirst(items []external_metrics.ExternalMetricValue) {
	slices.SortStableFunc(items, func(a, b external_metrics.ExternalMetricValue) int {
		return a.Timestamp.Compare(b.Timestamp.Time)
	})
}
