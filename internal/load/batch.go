package load

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/lifecycle"
)

const (
	// A request is tried 5 times, 0.1, 0.2, 0.4 and 0.8 s apart, if the budget allows.
	attempts   = 5
	firstPause = 100 * time.Millisecond
	// callLimit bounds one try.
	callLimit = 10 * time.Second
)

// batch publishes n messages and counts them. Its error ends the run.
func (p *Publisher) batch(ctx context.Context, n int) error {
	ids, err := p.persist(ctx, n)
	p.published.Add(int64(len(ids)))
	p.failed.Add(int64(n - len(ids)))
	if len(ids) > 0 {
		p.confirmed(ids)
	}
	if err == nil {
		return nil
	}
	p.lastErr.Store(&err)
	if curable(err) && p.published.Load() > 0 {
		return nil
	}
	return err
}

// persist repeats a request until it succeeds, cannot succeed, or may not be repeated any more. A try that failed may
// still have been carried out; its messages then exist twice, each with its own ID, and only the last IDs are known.
func (p *Publisher) persist(ctx context.Context, n int) ([]string, error) {
	pause := firstPause
	for try := 1; ; try++ {
		ids, err := p.send(ctx, n)
		if err == nil {
			p.budget.deposit()
			return ids, nil
		}
		if !curable(err) || try == attempts || ctx.Err() != nil || !p.budget.withdraw() {
			return nil, err
		}
		if !lifecycle.Sleep(ctx, pause) {
			return nil, err
		}
		pause *= 2
	}
}

// send makes one try. It is not cut short by the end of ctx: a request on its way is waited for, within callLimit, so
// that what the server took is counted.
func (p *Publisher) send(ctx context.Context, n int) ([]string, error) {
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), callLimit)
	defer cancel()
	answer, err := p.sender.Publish(call, &pubsubpb.PublishRequest{Topic: p.topic, Messages: p.messages[:n]})
	if err != nil {
		return nil, err
	}
	if ids := answer.GetMessageIds(); len(ids) == n {
		return ids, nil
	}
	return nil, status.Error(codes.DataLoss, fmt.Sprintf("the server confirmed %d of %d messages", len(answer.GetMessageIds()), n))
}

// curable says whether the same request may succeed later: the codes that Pub/Sub's own clients retry for Publish.
func curable(err error) bool {
	switch status.Code(err) {
	case codes.Aborted, codes.Canceled, codes.Internal, codes.ResourceExhausted, codes.Unknown, codes.Unavailable, codes.DeadlineExceeded:
		return true
	default:
		return false
	}
}
