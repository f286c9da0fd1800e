package emulator

import (
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/emulator/broker"
)

// apply carries out one request of a stream. An error aborts the stream.
func (c *call) apply(req *pubsubpb.StreamingPullRequest) error {
	if seconds := req.GetStreamAckDeadlineSeconds(); seconds != 0 {
		if seconds < 10 || seconds > 600 {
			return status.Errorf(codes.InvalidArgument,
				"Invalid stream_ack_deadline_seconds: %d. It must be from 10 to 600.", seconds)
		}
		c.lease.SetDeadline(time.Duration(seconds) * time.Second)
	}
	if len(req.GetAckIds()) > 0 {
		if err := c.acknowledge(req.GetAckIds()); err != nil {
			return err
		}
	}
	if len(req.GetModifyDeadlineAckIds()) > 0 || len(req.GetModifyDeadlineSeconds()) > 0 {
		return c.modify(req.GetModifyDeadlineAckIds(), req.GetModifyDeadlineSeconds())
	}
	return nil
}

func (c *call) acknowledge(texts []string) error {
	ids, err := parseAckIDs("ack_ids", texts)
	if err != nil {
		return err
	}
	failed, err := c.sub.Acknowledge(ids)
	if err != nil || !c.sub.ExactlyOnce() {
		return err
	}
	settled, stale, unordered := divide(texts, failed)
	c.note(func(res *pubsubpb.StreamingPullResponse) {
		if res.AcknowledgeConfirmation == nil {
			res.AcknowledgeConfirmation = &pubsubpb.StreamingPullResponse_AcknowledgeConfirmation{}
		}
		confirmation := res.AcknowledgeConfirmation
		confirmation.AckIds = append(confirmation.AckIds, settled...)
		confirmation.InvalidAckIds = append(confirmation.InvalidAckIds, stale...)
		confirmation.UnorderedAckIds = append(confirmation.UnorderedAckIds, unordered...)
	})
	return nil
}

func (c *call) modify(texts []string, seconds []int32) error {
	if len(texts) != len(seconds) {
		return status.Errorf(codes.InvalidArgument,
			"Fields modify_deadline_ack_ids and modify_deadline_seconds differ in length: %d and %d.", len(texts), len(seconds))
	}
	ids, err := parseAckIDs("modify_deadline_ack_ids", texts)
	if err != nil {
		return err
	}
	changes := make([]broker.Change, len(ids))
	for i, id := range ids {
		if err := checkDeadline("modify_deadline_seconds", seconds[i]); err != nil {
			return err
		}
		changes[i] = broker.Change{ID: id, Deadline: time.Duration(seconds[i]) * time.Second}
	}
	failed, err := c.sub.ModifyAckDeadline(changes)
	if err != nil || !c.sub.ExactlyOnce() {
		return err
	}
	changed, stale, _ := divide(texts, failed)
	c.note(func(res *pubsubpb.StreamingPullResponse) {
		if res.ModifyAckDeadlineConfirmation == nil {
			res.ModifyAckDeadlineConfirmation = &pubsubpb.StreamingPullResponse_ModifyAckDeadlineConfirmation{}
		}
		confirmation := res.ModifyAckDeadlineConfirmation
		confirmation.AckIds = append(confirmation.AckIds, changed...)
		confirmation.InvalidAckIds = append(confirmation.InvalidAckIds, stale...)
	})
	return nil
}

// divide sorts the texts by what became of them; the failures' indexes ascend.
func divide(texts []string, failed []broker.Failure) (good, stale, unordered []string) {
	for i, text := range texts {
		switch {
		case len(failed) == 0 || failed[0].Index != i:
			good = append(good, text)
			continue
		case failed[0].Transient:
			unordered = append(unordered, text)
		default:
			stale = append(stale, text)
		}
		failed = failed[1:]
	}
	return good, stale, unordered
}
