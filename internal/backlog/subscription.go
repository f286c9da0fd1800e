package backlog

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
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

// The service's rules: https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names. A project may be
// scoped by a domain ("example.com:shop"), which the resource manager allows.
var (
	resourceID = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._~+%-]{2,254}$`)
	projectID  = regexp.MustCompile(`^([a-z0-9.-]{1,100}:)?[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$`)
)

// ParseSubscription reads "projects/P/subscriptions/S", or a short ID that belongs to project. The error says
// which part is wrong and matches ErrBadSubscription.
func ParseSubscription(name, project string) (Subscription, error) {
	sub := Subscription{Project: project, ID: name}
	if strings.Contains(name, "/") {
		parts := strings.Split(name, "/")
		if len(parts) != 4 || parts[0] != "projects" || parts[2] != "subscriptions" {
			return Subscription{}, fmt.Errorf("%w: want projects/P/subscriptions/S or a short ID", ErrBadSubscription)
		}
		sub = Subscription{Project: parts[1], ID: parts[3]}
	}
	switch {
	case sub.ID == "":
		return Subscription{}, fmt.Errorf("%w: the name is empty", ErrBadSubscription)
	case !resourceID.MatchString(sub.ID) || strings.HasPrefix(strings.ToLower(sub.ID), "goog"):
		return Subscription{}, fmt.Errorf("%w: the ID %q must be 3 to 255 letters, digits or -._~+%%, start with a letter and not with goog", ErrBadSubscription, sub.ID)
	case sub.Project == "":
		return Subscription{}, fmt.Errorf("%w: the short ID %q needs a project", ErrBadSubscription, sub.ID)
	case !projectID.MatchString(sub.Project):
		return Subscription{}, fmt.Errorf("%w: the project %q must be lower-case letters, digits and hyphens", ErrBadSubscription, sub.Project)
	}
	return sub, nil
}

// String returns the full resource name, projects/P/subscriptions/S.
func (s Subscription) String() string {
	return "projects/" + s.Project + "/subscriptions/" + s.ID
}

// Compare orders subscriptions by project, then by ID.
func (s Subscription) Compare(other Subscription) int {
	return cmp.Or(strings.Compare(s.Project, other.Project), strings.Compare(s.ID, other.ID))
}
