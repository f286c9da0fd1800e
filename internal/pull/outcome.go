package pull

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The operations on ack IDs, as the metric's label names them.
const (
	opAck    = "ack"
	opModack = "modack"
	opNack   = "nack"
)

// sort tells, after a call with ids ended with err, which items are worth another attempt and which were refused for
// good; the rest succeeded. With exactly-once delivery the server says it for each ack ID
// (https://cloud.google.com/pubsub/docs/exactly-once-delivery#handling-failures); otherwise the code speaks for all.
func sort(items []*item, ids []string, err error) (retry, refused []*item) {
	if err == nil {
		return nil, nil
	}
	perID := failures(err)
	if len(perID) == 0 {
		if transient(err) {
			return items, nil
		}
		return nil, items
	}
	for i, it := range items {
		switch reason, failed := perID[ids[i]]; {
		case failed && strings.HasPrefix(reason, "TRANSIENT_"):
			retry = append(retry, it)
		case failed:
			refused = append(refused, it)
		}
	}
	return retry, refused
}

// failures returns the failure of each ack ID that the error's ErrorInfo names.
func failures(err error) map[string]string {
	for _, detail := range status.Convert(rootStatus(err)).Details() {
		info, ok := detail.(*errdetails.ErrorInfo)
		if !ok {
			continue
		}
		perID := map[string]string{}
		for id, reason := range info.GetMetadata() {
			if strings.HasPrefix(reason, "TRANSIENT_FAILURE_") || strings.HasPrefix(reason, "PERMANENT_FAILURE_") {
				perID[id] = reason
			}
		}
		return perID
	}
	return nil
}

// transient says whether the same call may succeed later.
func transient(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	switch status.Code(rootStatus(err)) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Internal, codes.Aborted, codes.ResourceExhausted, codes.Unknown, codes.Canceled,
		codes.Unauthenticated: // A token could not be renewed for a moment.
		return true
	default:
		return false
	}
}

// rootStatus returns the gRPC status inside err, which the generated client wraps in an error of its own.
func rootStatus(err error) error {
	if s, ok := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err); ok {
		return s
	}
	return err
}
