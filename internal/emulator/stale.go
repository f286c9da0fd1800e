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
	injectedFailure  = "TRANSIENT_FAILURE_SERVICE_UNAVAILABLE"
)

// staleError reports ack ids that had no effect, which are errors with exactly-once delivery only. It names each in an
// ErrorInfo: the failed ones among ids, and the refused ones.
func staleError(sub *broker.Subscription, ids []string, failed []broker.Failure, refused []string) error {
	if len(failed)+len(refused) == 0 || !sub.ExactlyOnce() {
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
	for _, id := range refused {
		info.Metadata[id] = injectedFailure
	}
	st := status.New(codes.InvalidArgument,
		"Some acknowledgement ids in the request were invalid. This could be because the acknowledgement ids have expired.")
	if with, err := st.WithDetails(info); err == nil {
		st = with
	}
	return st.Err()
}
