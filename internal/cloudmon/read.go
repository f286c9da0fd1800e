package cloudmon

import (
	"context"
	"math/rand/v2"
	"net/url"
	"time"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"spillway/internal/lifecycle"
)

// The shape of one query. Times are fractions of the budget, which is what ctx has left when the query begins.
const (
	// attempts is how often a call is tried; one attempt has a third of the budget.
	attempts = 3
	// firstPause and quotaPause are the divisors for the pause before the second attempt, which doubles before the
	// third: 1 s of 30 s, or 5 s when the quota is used up. A random half is added or taken away.
	firstPause = 30
	quotaPause = 6
	// defaultBudget is for a context without a deadline.
	defaultBudget = 30 * time.Second
	// pageSize is in points: one page for 1,000 subscriptions. The service gives up to 100,000, which take some 300 MB of
	// memory until they are decoded; these take 30 at most. Whoever wants more than many subscriptions gets several pages
	// anyway, and smaller ones: four metrics are read at once.
	pageSize, smallPage = 10_000, 4_000
	many                = 2_000
	// maxPages ends an answer that does not end by itself: 4 million points.
	maxPages = 1_000
)

// errEndless is for a server that keeps giving page tokens. Asking it again would not help.
var errEndless = status.Error(codes.OutOfRange, "the answer does not end")

// Read returns the points of q: for a level the newest of each series, for a delta all of them. It tries again, with
// growing pauses, while the failure is temporary, ctx's deadline leaves time and the project's retries are not used up:
// ten of them, and one for every two calls that succeed. The error is an *Error.
func (c *Client) Read(ctx context.Context, q Query) (Answer, error) {
	budget := defaultBudget
	if deadline, ok := ctx.Deadline(); ok {
		budget = time.Until(deadline)
	}
	list := filters(q, c.sizes.known(q))
	decoder := newDecoder(q)
	for _, filter := range list {
		if err := c.retry(ctx, q, budget, func(ctx context.Context) error { return c.attempt(ctx, q, filter, decoder) }); err != nil {
			return Answer{}, err
		}
	}
	if len(list) == 1 && list[0] == projectFilter(q) {
		c.sizes.learn(q, decoder.answer)
	}
	return decoder.answer, nil
}

// retry calls once and then again while that makes sense. What several attempts add to an answer may be there twice;
// points are told apart by their instants.
func (c *Client) retry(ctx context.Context, q Query, budget time.Duration, call func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		bounded, cancel := context.WithTimeout(ctx, budget/attempts)
		err := call(bounded)
		cancel()
		if err == nil {
			c.retries.earn(q.Project)
			return nil
		}
		failure := newError(q, err)
		if attempt == attempts || !failure.Temporary() || !c.retries.take(q.Project) ||
			!wait(ctx, max(pause(failure.Code, attempt, budget), failure.retryAfter())) {
			return failure
		}
	}
}

// attempt reads every page once.
func (c *Client) attempt(ctx context.Context, q Query, filter string, decoder *decoder) error {
	ctx = metadata.AppendToOutgoingContext(ctx, "x-goog-request-params", "name="+url.QueryEscape("projects/"+q.Project))
	req := &monitoringpb.ListTimeSeriesRequest{
		Name:     "projects/" + q.Project,
		Filter:   filter,
		Interval: &monitoringpb.TimeInterval{StartTime: timestamppb.New(q.Since), EndTime: timestamppb.New(q.Until)},
		View:     monitoringpb.ListTimeSeriesRequest_FULL,
		PageSize: pageOf(q),
	}
	for range maxPages {
		begin, answer := time.Now(), &page{decoder: decoder}
		err := c.api.Connection().Invoke(ctx, method, req, answer, callOption()) //nolint:staticcheck // no pool is asked for: there is one connection
		c.observe(Call{Method: "ListTimeSeries", Metric: q.Metric, Project: q.Project, Code: callCode(q, err), Duration: time.Since(begin)})
		if err != nil || answer.next == "" {
			return err
		}
		req.PageToken = answer.next
	}
	return errEndless
}

func pageOf(q Query) int32 {
	if len(q.IDs) > many {
		return smallPage
	}
	return pageSize
}

func callCode(q Query, err error) codes.Code {
	if err == nil {
		return codes.OK
	}
	return newError(q, err).Code
}

// pause returns how long to wait after the given attempt.
func pause(code codes.Code, attempt int, budget time.Duration) time.Duration {
	first := budget / firstPause
	if code == codes.ResourceExhausted {
		first = budget / quotaPause
	}
	spread := 0.5 + rand.Float64() //nolint:gosec // spreads calls over time, hides nothing
	return time.Duration(float64(first<<(attempt-1)) * spread)
}

// wait reports whether it could wait d before ctx's end.
func wait(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return false
	}
	return lifecycle.Sleep(ctx, d)
}
