package emulator

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/emulator/broker"
)

// What exactly-once delivery says about an ack id that had no effect: it names no current lease; the key's earlier messages
// have to be acknowledged first; or a fault was injected.
const (
	permanentFailure = "PERMANENT_FAILURE_INVALID_ACK_ID"
	unorderedFailure = "TRANSIENT_FAILURE_UNORDERED_ACK_ID"
)

// staleError reports stale ack ids, which are errors with exactly-once delivery only. It names each in an ErrorInfo.
func staleError(sub *broker.Subscription, ids []string, failed []broker.Failure) error {
	if len(failed) == 0 || !sub.ExactlyOnce() {
		return nil
	}
	info := &errdetails.ErrorInfo{
		Reason: "EXACTLY_ONCE_ACKID_FAILURE", Domain: "pubsub.googleapis.com", Metadata: map[string]string{},
	}
	for _, f := range failed {
		info.Metadata[ids[f.Index]] = permanentFailure
		if f.Transient {
			info.Metadata[ids[f.Index]] = unorderedFailure
		}
	}
	st := status.New(codes.InvalidArgument,
		"Some acknowledgement ids in the request were invalid. This could be because the acknowledgement ids have expired.")
	if with, err := st.WithDetails(info); err == nil {
		st = with
	}
	return st.Err()
}
