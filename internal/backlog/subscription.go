package backlog

import (
	"cmp"
	"errors"
	"strings"
)

// ErrBadSubscription is matched by every error of ParseSubscription.
var ErrBadSubscription = errors.New("not a subscription")

// Subscription names one Pub/Sub subscription.
type Subscription struct {
	// Project is the Google Cloud project ID or number.
	Project string
	// ID is the subscription's short name.
	ID string
}

// ParseSubscription reads "projects/P/subscriptions/S", or a short ID that belongs to project. The error says
// which part is wrong and matches ErrBadSubscription.
func ParseSubscription(name, project string) (Subscription, error) {
	project, id, err := parseName("subscriptions", name, project, ErrBadSubscription)
	return Subscription{Project: project, ID: id}, err
}

// String returns the full resource name, projects/P/subscriptions/S.
func (s Subscription) String() string {
	return "projects/" + s.Project + "/subscriptions/" + s.ID
}

// Compare orders subscriptions by project, then by ID.
func (s Subscription) Compare(other Subscription) int {
	return cmp.Or(strings.Compare(s.Project, other.Project), strings.Compare(s.ID, other.ID))
}
