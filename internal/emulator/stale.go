package emulator

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/emulator/broker"
)

// permanentFailure is what exactly-once delivery says about an ack id that names no current lease.
const permanentFailure = "PERMANENT_FAILURE_INVALID_ACK_ID"

// staleError reports stale ack ids, which are errors with exactly-once delivery only. It names each in an ErrorInfo.
func staleError(sub *broker.Subscription, ids []string, failed []int) error {
	if len(failed) == 0 || !sub.ExactlyOnce() {
		return nil
	}
	info := &errdetails.ErrorInfo{
		Reason: "EXACTLY_ONCE_ACKID_FAILURE", Domain: "pubsub.googleapis.com", Metadata: map[string]string{},
	}
	for _, i := range failed {
		info.Metadata[ids[i]] = permanentFailure
	}
	st := status.New(codes.InvalidArgument,
		"Some acknowledgement ids in the request were invalid. This could be because the acknowledgement ids have expired.")
	if with, err := st.WithDetails(info); err == nil {
		st = with
	}
	return st.Err()
}
