package cloudmon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/adc"
	"spillway/internal/backlog"
)

// ErrNoCredentials is matched by Dial's error when there is nothing to authenticate with, or what there is was refused.
var ErrNoCredentials = adc.ErrMissing

// ErrUnreachable is matched by Dial's error when a local server does not answer.
var ErrUnreachable = errors.New("no monitoring server answers")

// maxMessage bounds what is repeated of a server's own words, in bytes.
const maxMessage = 300

// Error is a query that failed.
type Error struct {
	Code    codes.Code
	Metric  backlog.Metric
	Project string
	message string
	err     error
}

// newError types err by its gRPC code; an expired or ended context counts as the code that it would have on the wire.
func newError(q Query, err error) *Error {
	s, ok := status.FromError(err)
	if !ok {
		s = status.FromContextError(err)
	}
	return &Error{Code: s.Code(), Metric: q.Metric, Project: q.Project, message: oneLine(s.Message()), err: err}
}

// oneLine makes another's words fit for one line of a log or terminal.
func oneLine(message string) string {
	message = strings.Join(strings.Fields(message), " ")
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "") + "..."
	}
	return message
}

// Error returns one line: what was read, what the service said, what to do.
func (e *Error) Error() string {
	line := fmt.Sprintf("reading %s of project %s: %s: %s", e.Metric.Name(), e.Project, e.Code, e.message)
	if cure := e.cure(); cure != "" {
		line += "; " + cure
	}
	return line
}

// Unwrap returns the error of the call.
func (e *Error) Unwrap() error { return e.err }

// GRPCStatus lets status.Code tell the code of any error that wraps this one.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.message) }

// Temporary reports whether the same call may succeed a little later.
func (e *Error) Temporary() bool {
	switch e.Code {
	case codes.Unavailable, codes.ResourceExhausted, codes.DeadlineExceeded, codes.Internal, codes.Aborted, codes.Unknown:
		return !errors.Is(e.err, context.Canceled)
	default:
		return false
	}
}

// retryAfter is how long the service asks to be left alone; 0 when it does not say.
func (e *Error) retryAfter() time.Duration {
	s, ok := status.FromError(e.err)
	if !ok {
		return 0
	}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok && info.GetRetryDelay().IsValid() {
			return max(0, info.GetRetryDelay().AsDuration())
		}
	}
	return 0
}

func (e *Error) cure() string {
	switch e.Code {
	case codes.PermissionDenied:
		return "grant roles/monitoring.viewer on the project to the account that this runs as, and enable monitoring.googleapis.com in it"
	case codes.NotFound:
		return "check the project's ID; a project that never had a subscription does not have the metric yet"
	case codes.Unauthenticated:
		return "the credentials are not accepted: renew them with gcloud auth application-default login, or check the service account"
	case codes.ResourceExhausted:
		return "the quota of reads is used up: poll less often or raise the quota of monitoring.googleapis.com"
	case codes.Unimplemented:
		return "the server is not Cloud Monitoring: check the endpoint"
	case codes.Unavailable, codes.DeadlineExceeded:
		return "it is tried again at every poll"
	default:
		return ""
	}
}
