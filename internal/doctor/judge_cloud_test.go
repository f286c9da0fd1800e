package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/adc"
	"spillway/internal/backlog"
	"spillway/internal/doctor/cloud"
)

// expect checks a finding: its verdict, and parts of its message and cure.
func expect(t *testing.T, got Finding, want Verdict, says, cure string) {
	t.Helper()
	if got.Verdict != want || !strings.Contains(got.Message, says) || !strings.Contains(got.Cure, cure) || (cure == "" && got.Cure != "") {
		t.Errorf("got %+v\nwant %s with %q and %q", got, want, says, cure)
	}
}

func grpcError(code codes.Code) error {
	return fmt.Errorf("calling: %w", status.Error(code, "says the server"))
}

func TestJudgeCredentials(t *testing.T) {
	tests := []struct {
		name       string
		access     access
		want       Verdict
		says, cure string
	}{
		{"none", access{err: fmt.Errorf("%w (no file)", adc.ErrMissing)}, Failed, "no Google credentials were found", "gcloud auth application-default login"},
		{"another failure", access{err: errors.New("bad endpoint")}, Failed, "bad endpoint", "check the endpoint"},
		{"a local server", access{local: "127.0.0.1:8085"}, OK, "none are needed for the local server at 127.0.0.1:8085", ""},
		{"of a project", access{project: "shop"}, OK, "of project shop", ""},
		{"of no project", access{}, OK, "Application Default Credentials", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { expect(t, judgeCredentials(tt.access), tt.want, tt.says, tt.cure) })
	}
}

func TestJudgeProject(t *testing.T) {
	missing := grpcError(codes.NotFound)
	tests := []struct {
		name       string
		s          subject
		want       Verdict
		says, cure string
	}{
		{"it has the subscription", subject{}, OK, "it has the subscription", ""},
		{"another project has it", subject{descErr: missing, listed: []string{"x"}, elsewhere: "shop"}, Failed, "project shop has one", "to shop in the selector"},
		{"another one has it and this one may not be listed", subject{descErr: missing, listErr: grpcError(codes.PermissionDenied), elsewhere: "shop"}, Failed, "project shop has one", "--project=shop"},
		{"it does not exist", subject{descErr: missing, listErr: grpcError(codes.NotFound)}, Failed, "there is no such project", "gcloud projects list"},
		{"it is empty and another is near", subject{descErr: missing, candidates: []string{"shop"}}, Failed, "no subscriptions", "did you mean shop?"},
		{"it may not be listed", subject{descErr: missing, listErr: &callError{codes.PermissionDenied, errors.New("refused")}}, Skipped, "refused", ""},
		{"it has others", subject{descErr: missing, listed: []string{"a", "b"}}, OK, "2 subscriptions", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.s.sub = backlog.Subscription{Project: "shopp", ID: "offers"}
			expect(t, judgeProject(&tt.s), tt.want, tt.says, tt.cure)
		})
	}
}

func TestJudgeSubscription(t *testing.T) {
	tests := []struct {
		name       string
		s          subject
		want       Verdict
		says, cure string
	}{
		{"it is there", subject{described: cloud.Subscription{Topic: "projects/shop/topics/events"}}, OK, "on projects/shop/topics/events", ""},
		{"it is not there", subject{descErr: grpcError(codes.NotFound)}, Failed, "does not exist", "gcloud pubsub subscriptions list --project=shop"},
		{"it is mistyped", subject{descErr: grpcError(codes.NotFound), listed: []string{"orders", "offer"}}, Failed, "does not exist", "did you mean offer?"},
		{"it is on the list alone", subject{descErr: grpcError(codes.PermissionDenied), listed: []string{"offers"}}, OK, "may not be read", ""},
		{"it is not to be seen", subject{descErr: grpcError(codes.PermissionDenied)}, Skipped, "may not exist", ""},
		{"nobody answers", subject{descErr: grpcError(codes.Unavailable)}, Failed, "says the server", "reachable"},
		{"nobody answers in time", subject{descErr: fmt.Errorf("calling: %w", context.DeadlineExceeded)}, Failed, "no answer in time", "reachable"},
		{"it is detached", subject{described: cloud.Subscription{Detached: true}}, Failed, "detached", "create it anew"},
		{"its topic is gone", subject{described: cloud.Subscription{Topic: "_deleted-topic_"}}, Failed, "topic has been deleted", "anew"},
		{"it is broken", subject{described: cloud.Subscription{Broken: true}}, Failed, "RESOURCE_ERROR", "look at"},
		{"it pushes", subject{described: cloud.Subscription{Push: true}}, Warning, "pushes", "--receive=push"},
		{"it exports", subject{described: cloud.Subscription{Export: true}}, Failed, "no worker ever gets one", "pull subscription"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.s.sub = backlog.Subscription{Project: "shop", ID: "offers"}
			expect(t, judgeSubscription(&tt.s), tt.want, tt.says, tt.cure)
		})
	}
}

func TestJudgePermissions(t *testing.T) {
	all := []string{"pubsub.subscriptions.consume", "pubsub.subscriptions.get"}
	tests := []struct {
		name string
		s    subject
		want [4]Verdict // consume, get, list, monitoring.timeSeries.list
	}{
		{"all are granted", subject{granted: all}, [4]Verdict{OK, OK, OK, OK}},
		{"none is", subject{listErr: grpcError(codes.PermissionDenied), readErr: grpcError(codes.PermissionDenied)}, [4]Verdict{Failed, Warning, Warning, Failed}},
		{"testing needs a right too", subject{grantErr: grpcError(codes.PermissionDenied)}, [4]Verdict{Failed, Warning, OK, OK}},
		{"the server does not tell", subject{grantErr: grpcError(codes.Unimplemented), readErr: grpcError(codes.Unimplemented)}, [4]Verdict{Skipped, Skipped, OK, Skipped}},
		{"there is no subscription", subject{grantErr: grpcError(codes.NotFound)}, [4]Verdict{Skipped, Skipped, OK, OK}},
		{"nobody answers", subject{grantErr: grpcError(codes.Unavailable), listErr: errNotAsked, readErr: context.DeadlineExceeded}, [4]Verdict{Skipped, Skipped, Skipped, Skipped}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.s.sub = backlog.Subscription{Project: "shop", ID: "offers"}
			for i, got := range judgePermissions(&tt.s) {
				if (got.Verdict == Failed || got.Verdict == Warning) && !strings.Contains(got.Message, "on offers") && !strings.Contains(got.Message, "in project shop") {
					t.Errorf("%q does not say on what", got.Message)
				}
				if got.Verdict != tt.want[i] {
					t.Errorf("%s is %s (%s), want %s", got.About, got.Verdict, got.Message, tt.want[i])
				}
				if needsCure := got.Verdict == Failed || got.Verdict == Warning; needsCure != strings.Contains(got.Cure, "add-iam-policy-binding") {
					t.Errorf("%s is %s with the cure %q", got.About, got.Verdict, got.Cure)
				}
			}
		})
	}
}

func TestJudgeSamples(t *testing.T) {
	now := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	points := func(ages ...time.Duration) []backlog.Measured {
		m := backlog.Measured{ID: "offers"}
		for _, age := range ages {
			m.Points = append(m.Points, backlog.Point{End: now.Add(-age), Value: 7})
		}
		return []backlog.Measured{m}
	}
	tests := []struct {
		name       string
		s          subject
		want       Verdict
		says, cure string
	}{
		{"as young as normal", subject{measured: points(30*time.Minute, 2*time.Minute)}, OK, "2m0s old and says 7", ""},
		{"from a clock ahead", subject{measured: points(-time.Second)}, OK, "0s old", ""},
		{"at the bound", subject{measured: points(4 * time.Minute)}, OK, "4m0s old", ""},
		{"in a gap", subject{measured: points(4*time.Minute + time.Second)}, Warning, "later than normal", "wait"},
		{"too old", subject{measured: points(9 * time.Minute)}, Failed, "too old", "publish a message"},
		{"none", subject{}, Failed, "no point of it within 1h", "--idle-as-zero"},
		{"none, of a subscription that is not there", subject{descErr: grpcError(codes.NotFound)}, Failed, "no point", "see to the subscription first"},
		{"may not be read", subject{readErr: grpcError(codes.PermissionDenied)}, Skipped, "see the permissions", ""},
		{"no Monitoring", subject{readErr: grpcError(codes.Unimplemented)}, Skipped, "not Cloud Monitoring", ""},
		{"no such metric", subject{readErr: grpcError(codes.NotFound)}, Failed, "does not know the metric", "check the project"},
		{"no answer", subject{readErr: grpcError(codes.Unavailable)}, Failed, "says the server", "reachable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.s.now, tt.s.freshFor, tt.s.sub = now, 4*time.Minute, backlog.Subscription{Project: "shop", ID: "offers"}
			tt.s.metric, _ = backlog.Describe("num_undelivered_messages")
			expect(t, judgeSamples(&tt.s), tt.want, tt.says, tt.cure)
		})
	}
}
