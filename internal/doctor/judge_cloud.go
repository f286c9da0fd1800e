package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"spillway/internal/adc"
	"spillway/internal/backlog"
	"spillway/internal/config"
	"spillway/internal/doctor/cloud"
)

// access is how Google was reached.
type access struct {
	// local is the address of a local server; empty means Google itself.
	local string
	// project is the credentials' own; may be empty.
	project string
	err     error
}

// judgeCredentials judges whether there is anything to ask Google with.
func judgeCredentials(a access) Finding {
	switch {
	case errors.Is(a.err, adc.ErrMissing):
		return failed(linkCredentials, "", words(a.err),
			"run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS to a key file, or give the pod a service account")
	case a.err != nil:
		return failed(linkCredentials, "", words(a.err), "check the endpoint and that something answers there")
	case a.local != "":
		return fine(linkCredentials, "", "none are needed for the local server at "+a.local)
	case a.project != "":
		return fine(linkCredentials, "", "Application Default Credentials of project "+a.project)
	default:
		return fine(linkCredentials, "", "Application Default Credentials")
	}
}

// subject is everything that Google was asked about one subscription.
type subject struct {
	sub backlog.Subscription
	// listed are the IDs of the project's subscriptions.
	listed  []string
	listErr error
	// elsewhere is another project that has a subscription of this ID; candidates are those that were looked at.
	elsewhere  string
	candidates []string
	described  cloud.Subscription
	descErr    error
	granted    []string
	grantErr   error
	// metric is the one that was read, measured its series within lookback of now.
	metric   backlog.Definition
	measured []backlog.Measured
	readErr  error
	now      time.Time
	// freshFor is the age up to which a sample is as young as is normal.
	freshFor time.Duration
}

// judgeProject judges whether the subscription's project is the right one.
func judgeProject(s *subject) Finding {
	project := s.sub.Project
	meant, near := config.Nearest(project, s.candidates)
	switch {
	case s.descErr == nil:
		return fine(linkProject, project, "it has the subscription")
	case s.elsewhere != "":
		return failed(linkProject, project, fmt.Sprintf("it has no subscription %s, and project %s has one", s.sub.ID, s.elsewhere),
			fmt.Sprintf("set project_id (or resource.labels.project_id) to %s in the selector, or give --project=%s", s.elsewhere, s.elsewhere))
	case s.listErr != nil && codeOf(s.listErr) == codes.NotFound, s.listErr == nil && len(s.listed) == 0:
		cure := "check the project's ID: gcloud projects list"
		if near {
			cure = fmt.Sprintf("did you mean %s? Else check the project's ID: gcloud projects list", meant)
		}
		return failed(linkProject, project, "there is no such project, or it has no subscriptions", cure)
	case s.listErr != nil:
		return skipped(linkProject, project, words(s.listErr))
	default:
		return fine(linkProject, project, fmt.Sprintf("it has %d subscriptions", len(s.listed)))
	}
}

// deletedTopic is what Pub/Sub calls a topic that is gone.
const deletedTopic = "_deleted-topic_"

// judgeSubscription judges whether the subscription is there and can have a backlog.
func judgeSubscription(s *subject) Finding {
	about := s.sub.ID
	switch code := codeOf(s.descErr); {
	case s.descErr != nil && code == codes.NotFound:
		cure := "check the name: gcloud pubsub subscriptions list --project=" + s.sub.Project
		if near, ok := config.Nearest(about, s.listed); ok {
			cure = "did you mean " + near + "?"
		}
		return failed(linkSubscription, about, s.sub.String()+" does not exist", cure)
	case code == codes.PermissionDenied && slices.Contains(s.listed, about):
		return fine(linkSubscription, about, "it is on the project's list; its settings may not be read")
	case code == codes.PermissionDenied:
		return skipped(linkSubscription, about, "it may not be looked at, and may not exist: see the permissions")
	case s.descErr != nil:
		return failed(linkSubscription, about, words(s.descErr), "check that Pub/Sub is reachable from here")
	case s.described.Detached:
		return failed(linkSubscription, about, "it is detached from its topic and gets no messages", "create it anew")
	case s.described.Topic == deletedTopic:
		return failed(linkSubscription, about, "its topic has been deleted, so it gets no messages", "create topic and subscription anew")
	case s.described.Broken:
		return failed(linkSubscription, about, "Pub/Sub cannot deliver: its state is RESOURCE_ERROR", "look at what it delivers to")
	case s.described.Push:
		return warning(linkSubscription, about, "it pushes; workers that pull get nothing from it", "run workers with --receive=push, or remove the push endpoint")
	case s.described.Export:
		return failed(linkSubscription, about, "it exports its messages, so no worker ever gets one", "create a pull subscription on the same topic")
	default:
		return fine(linkSubscription, about, "it exists, on "+s.described.Topic)
	}
}

// permission is one that the chain needs: who needs it, and the role that has it.
type permission struct{ name, who, role string }

// The permissions on the subscription itself, which Pub/Sub tells; the other two show in the calls that need them.
func onSubscription() []permission {
	return []permission{
		{"pubsub.subscriptions.consume", "workers", "roles/pubsub.subscriber"},
		{"pubsub.subscriptions.get", "doctor", "roles/pubsub.viewer"},
	}
}

// judgePermissions judges permission by permission what the account that doctor runs as may do.
func judgePermissions(s *subject) []Finding {
	var found []Finding
	for _, p := range onSubscription() {
		found = append(found, judgeTested(s, p))
	}
	return append(found,
		judgeCalled(s, permission{"pubsub.subscriptions.list", "the exporter", "roles/pubsub.viewer"}, s.listErr, Warning),
		judgeCalled(s, permission{"monitoring.timeSeries.list", "the exporter", "roles/monitoring.viewer"}, s.readErr, Failed),
	)
}

func judgeTested(s *subject, p permission) Finding {
	switch code := codeOf(s.grantErr); {
	case code == codes.Unimplemented:
		return skipped(linkPermission, p.name, "this server does not tell permissions")
	case code == codes.NotFound:
		return skipped(linkPermission, p.name, "there is no such subscription")
	case code != codes.OK && code != codes.PermissionDenied:
		return skipped(linkPermission, p.name, words(s.grantErr))
	case slices.Contains(s.granted, p.name):
		return fine(linkPermission, p.name, "granted on "+s.sub.ID+" to the account that doctor runs as")
	case p.who == "doctor":
		return warning(linkPermission, p.name, "the account that doctor runs as lacks it on "+s.sub.ID, grant(s.sub, p))
	default:
		return failed(linkPermission, p.name, "the account that doctor runs as lacks it on "+s.sub.ID+"; "+p.who+" need it", grant(s.sub, p))
	}
}

// judgeCalled judges a permission by the call that needs it. A list that is refused only makes the exporter know less.
func judgeCalled(s *subject, p permission, err error, lacking Verdict) Finding {
	switch codeOf(err) {
	case codes.OK:
		return fine(linkPermission, p.name, "granted in project "+s.sub.Project+" to the account that doctor runs as")
	case codes.PermissionDenied:
		return Finding{linkPermission, p.name, lacking, "the account that doctor runs as lacks it in project " + s.sub.Project + "; " + p.who + " needs it", grant(s.sub, p)}
	case codes.Unimplemented:
		return skipped(linkPermission, p.name, "this server does not have the call that needs it")
	default:
		return skipped(linkPermission, p.name, "the call that needs it failed: "+words(err))
	}
}

// grant returns the command that grants a role. Monitoring has roles on projects alone.
func grant(sub backlog.Subscription, p permission) string {
	if strings.HasPrefix(p.role, "roles/pubsub.subscriber") {
		return fmt.Sprintf("gcloud pubsub subscriptions add-iam-policy-binding %s --project=%s --role=%s --member=serviceAccount:ACCOUNT", sub.ID, sub.Project, p.role)
	}
	return fmt.Sprintf("gcloud projects add-iam-policy-binding %s --role=%s --member=serviceAccount:ACCOUNT", sub.Project, p.role)
}
