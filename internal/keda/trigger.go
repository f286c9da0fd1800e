package keda

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"spillway/internal/ask"
	"spillway/internal/backlog"
	"spillway/internal/config"
)

// The bounds of what KEDA sends.
const (
	maxPairs = 50
	maxText  = 1024
	// maxTarget is the largest target or threshold; every whole number up to it has a float64 of its own.
	maxTarget = 1 << 53
)

// trigger is what a ScaledObject asks for: the metadata that KEDA's own gcp-pubsub scaler has, so that changing the
// trigger's type and address is enough.
type trigger struct {
	metric     backlog.Definition
	sub        backlog.Subscription
	target     float64 // how much of the metric one replica is for
	activation float64 // the workload is active above it
}

// The keys of the metadata that are ours. Others are KEDA's (scalerAddress, caCert, ...) and not looked at, unless they
// are ours misspelt.
func keys() []string {
	return []string{"subscriptionName", "subscriptionNameFromEnv", "project", "metric", "mode", "value", "activationValue"}
}

// name is what KEDA calls the metric; it puts the trigger's index before it.
func (t *trigger) name() string { return t.metric.Metric.Short() }

// parse reads a trigger's metadata. Every fault is in the error.
func parse(pairs map[string]string, book *ask.Book, project string) (*trigger, error) {
	if len(pairs) > maxPairs {
		return nil, fmt.Errorf("more than %d pairs of metadata", maxPairs)
	}
	var errs []error
	for key, value := range pairs {
		if len(key) > maxText || len(value) > maxText {
			return nil, fmt.Errorf("metadata of more than %d bytes", maxText)
		}
		if err := checkKey(key); err != nil {
			errs = append(errs, err)
		}
	}
	t := &trigger{}
	var err error
	if t.sub, err = subscription(pairs, project); err != nil {
		errs = append(errs, err)
	}
	if t.metric, err = metric(pairs, book); err != nil {
		errs = append(errs, err)
	}
	if t.target, err = amount(pairs, "value", 0); err == nil && t.target <= 0 {
		err = errors.New("value: must say how much of the metric one replica is for, and be more than 0")
	}
	if err != nil {
		errs = append(errs, err)
	}
	if t.activation, err = amount(pairs, "activationValue", 0); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return nil, errors.Join(errs...)
	}
	return t, nil
}

// checkKey refuses keys of gcp-pubsub that would change the value and do not here, and misspelt ones.
func checkKey(key string) error {
	switch key {
	case "valueIfNull":
		return errors.New("valueIfNull: is not supported, because what is unknown is not a number; use the ScaledObject's fallback")
	case "aggregation", "timeHorizon":
		return fmt.Errorf("%s: is not supported; the value is that of the newest sample", key)
	}
	if nearest, ok := config.Nearest(key, keys()); ok && nearest != key {
		return fmt.Errorf("%q: did you mean %s?", key, nearest)
	}
	return nil
}

func subscription(pairs map[string]string, project string) (backlog.Subscription, error) {
	name := pairs["subscriptionName"]
	if name == "" {
		name = pairs["subscriptionNameFromEnv"] // KEDA has put the variable's value in its place
	}
	if own := pairs["project"]; own != "" {
		project = own
	}
	sub, err := backlog.ParseSubscription(name, project)
	if err != nil {
		return backlog.Subscription{}, fmt.Errorf("subscriptionName: %w", err)
	}
	if strings.Trim(sub.Project, "0123456789") == "" {
		return backlog.Subscription{}, fmt.Errorf("subscriptionName: the project %q is a number; give its ID, with which Cloud Monitoring labels its series", sub.Project)
	}
	return sub, nil
}

// metric finds the metric in any spelling of "metric", or by "mode": NumUndeliveredMessages, OldestUnackedMessageAge,
// or SubscriptionSize, which once meant the former.
func metric(pairs map[string]string, book *ask.Book) (backlog.Definition, error) {
	name, mode := pairs["metric"], pairs["mode"]
	switch {
	case name != "" && mode != "":
		return backlog.Definition{}, errors.New("metric, mode: give one of them")
	case name != "":
		d, err := book.Find(name)
		if err != nil {
			return d, fmt.Errorf("metric: %w", err)
		}
		return d, nil
	case mode == "" || mode == "SubscriptionSize":
		mode = "NumUndeliveredMessages"
	}
	d, err := book.Find("pubsub_subscription_" + snake(mode))
	if err != nil {
		return d, fmt.Errorf("mode: %w", err)
	}
	return d, nil
}

// snake writes NumUndeliveredMessages as num_undelivered_messages.
func snake(camel string) string {
	var b strings.Builder
	for i, r := range camel {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func amount(pairs map[string]string, key string, otherwise float64) (float64, error) {
	given, ok := pairs[key]
	if !ok || given == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseFloat(given, 64)
	if err != nil || math.IsNaN(n) || n < 0 || n > maxTarget {
		return 0, fmt.Errorf("%s: %q is not a number from 0 to 2^53", key, given)
	}
	return n, nil
}

// whole rounds up, so that a whole number never says less than there is.
func whole(v float64) int64 { return int64(math.Ceil(min(v, maxTarget))) }
