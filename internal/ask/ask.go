package ask

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"spillway/internal/backlog"
	"spillway/internal/config"
)

// maxSubscriptions is how many subscriptions one selector may name. Each is looked up at every read.
const maxSubscriptions = 1000

// Ask is what an autoscaler asks for. It is not changed after Parse.
type Ask struct {
	// Name is the metric's name as it was asked for, Metric what it means.
	Name   string
	Metric backlog.Definition
	// Subscriptions are those that the selector names with =, == or in; ordered and once each.
	Subscriptions []backlog.Subscription
	// Projects are set instead when the selector names none: then it means every subscription of these projects that
	// Matches. Only who reads a whole project can answer that.
	Projects []string

	conditions []labels.Requirement
}

// Open reports whether the ask is for every subscription of its projects.
func (a *Ask) Open() bool { return len(a.Subscriptions) == 0 }

// Matches reports whether the selector's conditions hold for a series: subscription_id, project_id, unit, resource.type
// and the metric's own labels, with plain keys.
func (a *Ask) Matches(series labels.Set) bool {
	for i := range a.conditions {
		if !a.conditions[i].Matches(series) {
			return false
		}
	}
	return true
}

// Conditions reports whether the selector says anything about a plain key.
func (a *Ask) Conditions(key string) bool {
	return slices.ContainsFunc(a.conditions, func(r labels.Requirement) bool { return r.Key() == key })
}

// Named returns the values that the selector allows for a plain key with =, == or in, and whether it does.
func (a *Ask) Named(key string) ([]string, bool) {
	var values []string
	for i := range a.conditions {
		if r := &a.conditions[i]; r.Key() == key && names(r) {
			values = narrow(values, r)
		}
	}
	return values, values != nil
}

// Plain returns the key without the Stackdriver adapter's prefix.
func Plain(key string) string {
	return strings.TrimPrefix(strings.TrimPrefix(key, "resource.labels."), "metric.labels.")
}

// Parse reads a metric's name and selector. Subscriptions without a project belong to project. The error is a *Error.
func (b *Book) Parse(name string, selector labels.Selector, project string) (*Ask, error) {
	metric, err := b.Find(name)
	if err != nil {
		return nil, err
	}
	a := &Ask{Name: name, Metric: metric}
	requirements, selectable := selector.Requirements()
	if !selectable {
		return nil, &Error{BadSelector, "The selector selects nothing. Give a label subscription_id."}
	}
	for _, r := range requirements {
		plain, err := plainRequirement(r)
		if err != nil {
			return nil, err
		}
		a.conditions = append(a.conditions, *plain)
	}
	if err := a.name(project); err != nil {
		return nil, err
	}
	return a, nil
}

// plainRequirement returns the same condition on the plain key. Keys of other kinds are an error with the nearest known.
func plainRequirement(r labels.Requirement) (*labels.Requirement, error) {
	key := Plain(r.Key())
	for _, other := range []string{"resource.", "metric.", "metadata.", "reducer"} {
		if strings.HasPrefix(key, other) && key != "resource.type" {
			return nil, &Error{BadSelector, fmt.Sprintf("The selector's key %q is not supported. Use resource.labels.NAME, metric.labels.NAME or NAME.", r.Key())}
		}
	}
	if r.Operator() == selection.GreaterThan || r.Operator() == selection.LessThan {
		return nil, &Error{BadSelector, fmt.Sprintf("The selector compares %q. Use =, !=, in, notin or exists.", r.Key())}
	}
	plain, err := labels.NewRequirement(key, r.Operator(), r.ValuesUnsorted())
	if err != nil {
		return nil, &Error{BadSelector, fmt.Sprintf("The selector's key %q does not parse.", r.Key())}
	}
	return plain, nil
}

// names reports whether a condition lists the values that it allows.
func names(r *labels.Requirement) bool {
	switch r.Operator() {
	case selection.Equals, selection.DoubleEquals, selection.In:
		return true
	default:
		return false
	}
}

// narrow returns the values that both the earlier conditions (nil: none yet) and this one allow.
func narrow(sofar []string, r *labels.Requirement) []string {
	if sofar == nil {
		return r.ValuesUnsorted()
	}
	allowed := r.ValuesUnsorted()
	return slices.DeleteFunc(sofar, func(v string) bool { return !slices.Contains(allowed, v) })
}

// name fills in the subscriptions, or the projects of an open ask.
func (a *Ask) name(fallback string) error {
	ids, named := a.Named("subscription_id")
	projects, scoped := a.Named("project_id")
	if !scoped {
		if fallback == "" {
			return &Error{NoSubscription, "The selector names no project and the exporter has no --project. Add the label project_id."}
		}
		projects = []string{fallback}
	}
	if !named {
		a.Projects = projects
		return nil
	}
	if len(ids)*len(projects) > maxSubscriptions {
		return &Error{BadSelector, fmt.Sprintf("The selector names more than %d subscriptions.", maxSubscriptions)}
	}
	for _, id := range ids {
		for _, project := range projects {
			sub, err := subscription(id, project)
			if err != nil {
				return err
			}
			a.Subscriptions = append(a.Subscriptions, sub)
		}
	}
	if len(a.Subscriptions) == 0 {
		return &Error{BadSelector, "The selector's conditions on subscription_id and project_id exclude each other."}
	}
	slices.SortFunc(a.Subscriptions, backlog.Subscription.Compare)
	a.Subscriptions = slices.Compact(a.Subscriptions)
	return nil
}

func subscription(id, project string) (backlog.Subscription, error) {
	if strings.Contains(id, "/") {
		return backlog.Subscription{}, &Error{BadSubscription, fmt.Sprintf("The subscription %q contains a slash. Give its short ID.", id)}
	}
	sub, err := backlog.ParseSubscription(id, project)
	if err != nil {
		return backlog.Subscription{}, &Error{BadSubscription, fmt.Sprintf("The selector does not name a subscription: %v.", err)}
	}
	if strings.Trim(sub.Project, "0123456789") == "" {
		return backlog.Subscription{}, &Error{BadSubscription, fmt.Sprintf("The project %q is a number. Give its ID: Cloud Monitoring labels its series with that.", sub.Project)}
	}
	return sub, nil
}

// Unselected returns the fault of an open ask that cannot be answered, with the key that was probably meant.
func Unselected(selector labels.Selector) *Error {
	message := "The selector names no subscription. Add the label subscription_id (or resource.labels.subscription_id)."
	requirements, _ := selector.Requirements()
	for _, r := range requirements {
		key := Plain(r.Key())
		if _, known := config.Nearest(key, []string{"project_id"}); known {
			continue
		}
		if nearest, ok := config.Nearest(key, []string{"subscription_id"}); ok && key != nearest {
			message = fmt.Sprintf("The selector names no subscription. Did you mean %s instead of %q?", nearest, r.Key())
		}
	}
	return &Error{NoSubscription, message}
}
