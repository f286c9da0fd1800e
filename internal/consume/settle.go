package consume

import (
	"context"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"spillway/internal/deliver"
	"spillway/internal/pull"
)

// settle carries the verdict out and returns what it means for the delivery.
func (f *flow) settle(working context.Context, d *pull.Delivery, v deliver.Verdict) pull.Fate {
	if v.Result == deliver.DelayedNack && f.lot.park(v.Delay, d.Nack) {
		f.count(d, v)
		return pull.Open // Parked: it is nacked later.
	}
	if v.Result == deliver.DeadLetter {
		v = f.bury(working, d, v)
	}
	fate := pull.Nacked
	switch v.Result {
	case deliver.Ack, deliver.Drop, deliver.DeadLetter:
		fate = pull.Acked
	case deliver.DelayedNack: // The lot is full or closed: the slot matters more than the delay.
		v.Result = deliver.Nack
	case deliver.Nack:
	default: // A handler without a verdict has not handled the message.
		v.Result, v.Reason = deliver.Nack, deliver.Error
	}
	f.count(d, v)
	if fate == pull.Acked && d.DeliveryAttempt <= 1 {
		f.metrics.firstDone.Add(1)
	}
	return fate
}

// bury publishes a dead letter. Only when that has succeeded may the message be acked.
func (f *flow) bury(working context.Context, d *pull.Delivery, v deliver.Verdict) deliver.Verdict {
	if f.letters == nil {
		v.Result = deliver.Nack
		return v
	}
	ctx, cancel := context.WithTimeout(working, f.watch.limit)
	defer cancel()
	if err := f.letters.Publish(ctx, &d.Message, v.Detail); err != nil {
		f.rarely.Warn("publishing a dead letter failed; the message is nacked", zap.String("message_id", d.ID), zap.Error(err))
		v.Result, v.Detail = deliver.Nack, "publishing the dead letter failed"
	}
	return v
}

// sampled lets the first entry of each text through in a minute: a target that is down nacks thousands of messages.
func sampled(log *zap.Logger) *zap.Logger {
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, time.Minute, 1, 0)
	}))
}

// giveBack counts a message that was held after it had been tried, and is nacked. The gate has said so for all of them.
func (f *flow) giveBack(working context.Context, d *pull.Delivery, v deliver.Verdict) {
	if working.Err() != nil {
		v.Reason = deliver.Shutdown
	}
	f.tally(d, v)
}

// count counts a verdict, and warns of a nack.
func (f *flow) count(d *pull.Delivery, v deliver.Verdict) {
	f.tally(d, v)
	if v.Result == deliver.Nack && v.Reason != deliver.Shutdown {
		f.rarely.Warn("a message was nacked; the metrics count the others of this minute", zap.String("message_id", d.ID),
			zap.String("reason", string(v.Reason)), zap.String("detail", v.Detail))
	}
}

// tally counts a verdict.
func (f *flow) tally(d *pull.Delivery, v deliver.Verdict) {
	if v.Result == deliver.Ack && v.Reason == deliver.OK {
		f.metrics.acked.Inc()
		return
	}
	f.metrics.settled.WithLabelValues(string(v.Result), string(v.Reason)).Inc()
	if v.Result != deliver.Ack {
		f.log.Debug("not acked", zap.String("message_id", d.ID), zap.String("result", string(v.Result)),
			zap.String("reason", string(v.Reason)), zap.String("detail", v.Detail))
	}
}
