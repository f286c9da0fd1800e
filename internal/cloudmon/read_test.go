package cloudmon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"spillway/internal/backlog"
	"spillway/internal/testenv/cloudmontest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// calls collects what the client observes.
type calls struct {
	mu   sync.Mutex
	list []Call
}

func (c *calls) observe(call Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, call)
}

func (c *calls) codes() []codes.Code {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []codes.Code
	for _, call := range c.list {
		list = append(list, call.Code)
	}
	return list
}

func dial(t *testing.T, addr string) (*Client, *calls) {
	t.Helper()
	seen := &calls{}
	client, err := Dial(t.Context(), Options{Endpoint: addr, Observe: seen.observe})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client, seen
}

// within returns a context whose budget makes attempts and pauses short.
func within(t *testing.T, budget time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), budget)
	t.Cleanup(cancel)
	return ctx
}

// newest reports whether the answer is one series of offers with one point.
func newest(a Answer, want backlog.Point) bool {
	return len(a.Series) == 1 && a.Series[0].ID == "offers" && len(a.Series[0].Points) == 1 && a.Series[0].Points[0] == want
}

func TestTheRequestAsksForEverythingInOneCall(t *testing.T) {
	server := cloudmontest.Start(t, cloudmontest.Always(series(offers, at(-2, 41), at(-1, 42)), series(orders)))
	client, seen := dial(t, server.Addr())
	q := question()
	got, err := client.Read(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	want := Answer{Series: []backlog.Measured{{ID: "offers", Points: []backlog.Point{at(-1, 42)}}}, Returned: 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	requests := server.Requests()
	if len(requests) != 1 {
		t.Fatalf("%d calls for one query", len(requests))
	}
	req := requests[0]
	if req.GetName() != "projects/shop" || req.GetFilter() != filters(q, 0)[0] || req.GetView() != monitoringpb.ListTimeSeriesRequest_FULL {
		t.Fatalf("asked for %v", req)
	}
	if from, to := req.GetInterval().GetStartTime().AsTime(), req.GetInterval().GetEndTime().AsTime(); !from.Equal(q.Since) || !to.Equal(q.Until) {
		t.Fatalf("asked for %s to %s", from, to)
	}
	if diff := cmp.Diff([]codes.Code{codes.OK}, seen.codes()); diff != "" {
		t.Fatal(diff)
	}
}

func TestTwoHundredSubscriptionsAreOneCall(t *testing.T) {
	q := question()
	q.IDs = nil
	var all []*monitoringpb.TimeSeries
	for i := range 200 {
		sub := backlog.Subscription{Project: "shop", ID: fmt.Sprintf("sub-%03d", i)}
		q.IDs = append(q.IDs, sub.ID)
		all = append(all, series(sub, at(-1, float64(i))))
	}
	server := cloudmontest.Start(t, cloudmontest.Always(all...))
	client, _ := dial(t, server.Addr())
	got, err := client.Read(t.Context(), q)
	if err != nil || len(got.Series) != 200 || len(server.Requests()) != 1 {
		t.Fatalf("%d series by %d calls, %v", len(got.Series), len(server.Requests()), err)
	}
}

func TestPagesAreReadToTheEndAndCounted(t *testing.T) {
	pages := map[string]*monitoringpb.ListTimeSeriesResponse{
		"":  {TimeSeries: []*monitoringpb.TimeSeries{series(offers, at(-3, 1)), series(offers)}, NextPageToken: "2"},
		"2": {TimeSeries: []*monitoringpb.TimeSeries{series(orders, at(-2, 2))}, NextPageToken: "3"},
		"3": {TimeSeries: []*monitoringpb.TimeSeries{series(offers, at(-1, 3))}},
	}
	server := cloudmontest.Start(t, func(_ context.Context, req *monitoringpb.ListTimeSeriesRequest) (*monitoringpb.ListTimeSeriesResponse, error) {
		return pages[req.GetPageToken()], nil
	})
	client, seen := dial(t, server.Addr())
	got, err := client.Read(t.Context(), question())
	if err != nil {
		t.Fatal(err)
	}
	want := Answer{Series: []backlog.Measured{
		{ID: "offers", Points: []backlog.Point{at(-3, 1)}},
		{ID: "orders", Points: []backlog.Point{at(-2, 2)}},
		{ID: "offers", Points: []backlog.Point{at(-1, 3)}},
	}, Returned: 4}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if n := len(seen.codes()); n != 3 {
		t.Fatalf("%d pages were counted", n)
	}
}

func TestAnAnswerWithoutEndIsGivenUp(t *testing.T) {
	endless := &monitoringpb.ListTimeSeriesResponse{TimeSeries: []*monitoringpb.TimeSeries{series(offers, at(-1, 1))}, NextPageToken: "more"}
	server := cloudmontest.Start(t, func(context.Context, *monitoringpb.ListTimeSeriesRequest) (*monitoringpb.ListTimeSeriesResponse, error) {
		return endless, nil
	})
	client, _ := dial(t, server.Addr())
	_, err := client.Read(t.Context(), question())
	if err == nil || !strings.Contains(err.Error(), "does not end") || len(server.Requests()) != maxPages {
		t.Fatalf("%d pages, then %v", len(server.Requests()), err)
	}
}

func TestFailuresAreTypedRetriedWhenTemporaryAndNameTheCure(t *testing.T) {
	tests := []struct {
		code  codes.Code
		tries int
		cure  string
	}{
		{codes.Unavailable, attempts, "tried again"},
		{codes.ResourceExhausted, attempts, "quota"},
		{codes.Internal, attempts, "the service said so"},
		{codes.Unknown, attempts, "the service said so"},
		{codes.PermissionDenied, 1, "roles/monitoring.viewer"},
		{codes.NotFound, 1, "project's ID"},
		{codes.Unauthenticated, 1, "gcloud auth application-default login"},
		{codes.Unimplemented, 1, "not Cloud Monitoring"},
		{codes.InvalidArgument, 1, "the service said so"},
	}
	for _, tt := range tests {
		t.Run(tt.code.String(), func(t *testing.T) {
			t.Parallel() // The pauses are shares of a budget that a busy machine must not use up.
			server := cloudmontest.Start(t, cloudmontest.Fail(status.Error(tt.code, "the service\n said so")))
			client, seen := dial(t, server.Addr())
			_, err := client.Read(within(t, 6*time.Second), question())
			failure, ok := errors.AsType[*Error](err)
			if !ok || failure.Code != tt.code || failure.Temporary() != (tt.tries > 1) {
				t.Fatalf("got %#v", err)
			}
			line := failure.Error()
			for _, part := range []string{"num_undelivered_messages", "project shop", tt.code.String(), "the service said so", tt.cure} {
				if !strings.Contains(line, part) || strings.Contains(line, "\n") {
					t.Errorf("%q does not say %q in one line", line, part)
				}
			}
			if n := len(server.Requests()); n != tt.tries || len(seen.codes()) != n {
				t.Errorf("tried %d times, observed %v; want %d", n, seen.codes(), tt.tries)
			}
		})
	}
}

func TestASecondAttemptMayHelp(t *testing.T) {
	server := cloudmontest.Start(t, nil)
	answered := 0
	server.Answer(func(context.Context, *monitoringpb.ListTimeSeriesRequest) (*monitoringpb.ListTimeSeriesResponse, error) {
		answered++
		if answered == 1 {
			return nil, status.Error(codes.ResourceExhausted, "slow down")
		}
		return &monitoringpb.ListTimeSeriesResponse{TimeSeries: []*monitoringpb.TimeSeries{series(offers, at(-1, 5))}}, nil
	})
	client, seen := dial(t, server.Addr())
	got, err := client.Read(within(t, 3*time.Second), question())
	if err != nil || !newest(got, at(-1, 5)) {
		t.Fatalf("got %v, %v", got, err)
	}
	if diff := cmp.Diff([]codes.Code{codes.ResourceExhausted, codes.OK}, seen.codes()); diff != "" {
		t.Fatal(diff)
	}
}

func TestASilentServerCostsOneAttemptsShareAtATime(t *testing.T) {
	server := cloudmontest.Start(t, cloudmontest.Hang)
	client, _ := dial(t, server.Addr())
	begin := time.Now()
	_, err := client.Read(within(t, 300*time.Millisecond), question())
	failure, ok := errors.AsType[*Error](err)
	if !ok || failure.Code != codes.DeadlineExceeded {
		t.Fatalf("got %v", err)
	}
	if took := time.Since(begin); len(server.Requests()) < 2 || took > 10*time.Second {
		t.Fatalf("%d attempts in %s", len(server.Requests()), took)
	}
}

func TestAnEndedContextIsNotTriedAgain(t *testing.T) {
	server := cloudmontest.Start(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	server.Answer(func(ctx context.Context, _ *monitoringpb.ListTimeSeriesRequest) (*monitoringpb.ListTimeSeriesResponse, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	})
	client, _ := dial(t, server.Addr())
	_, err := client.Read(ctx, question())
	if failure, ok := errors.AsType[*Error](err); !ok || failure.Code != codes.Canceled || len(server.Requests()) != 1 {
		t.Fatalf("%d requests, %v", len(server.Requests()), err)
	}
}

func TestAServerThatComesBackIsFoundAgain(t *testing.T) {
	first, stop := cloudmontest.StartAt(t, "127.0.0.1:0", cloudmontest.Always())
	client, _ := dial(t, first.Addr())
	stop()
	if _, err := client.Read(within(t, 300*time.Millisecond), question()); err == nil {
		t.Fatal("a stopped server answered")
	}
	_, stop = cloudmontest.StartAt(t, first.Addr(), cloudmontest.Always(series(offers, at(-1, 5))))
	defer stop()
	for ctx := within(t, 30*time.Second); ; {
		got, err := client.Read(ctx, question())
		if err == nil {
			if !newest(got, at(-1, 5)) {
				t.Fatalf("got %v", got)
			}
			return
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

func TestAStormOfFailuresSoonLeavesOneCallPerQuery(t *testing.T) {
	server := cloudmontest.Start(t, cloudmontest.Fail(status.Error(codes.ResourceExhausted, "slow down")))
	client, _ := dial(t, server.Addr())
	const polls = 20
	for range polls {
		if _, err := client.Read(within(t, 60*time.Millisecond), question()); err == nil {
			t.Fatal("a failure is no error")
		}
	}
	if n := len(server.Requests()); n < polls || n > polls+int(maxRetries) {
		t.Fatalf("%d calls for %d queries", n, polls)
	}
}

func TestTheServiceMaySayWhenToComeBack(t *testing.T) {
	busy, err := status.New(codes.Unavailable, "later").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	server := cloudmontest.Start(t, cloudmontest.Fail(busy.Err()))
	client, _ := dial(t, server.Addr())
	begin := time.Now()
	if _, err := client.Read(within(t, 5*time.Second), question()); err == nil || len(server.Requests()) != 1 || time.Since(begin) > 3*time.Second {
		t.Fatalf("%d calls in %s, %v", len(server.Requests()), time.Since(begin), err)
	}
}

func TestAFewOfAVeryLargeProjectAreReadByNameOnceItIsKnown(t *testing.T) {
	var all []*monitoringpb.TimeSeries
	for i := range 1000 {
		all = append(all, series(backlog.Subscription{Project: "shop", ID: fmt.Sprintf("sub-%04d", i)}, at(-1, float64(i))))
	}
	server := cloudmontest.Start(t, cloudmontest.Always(all...))
	client, _ := dial(t, server.Addr())
	q := question()
	q.IDs = nil
	for i := range 120 {
		q.IDs = append(q.IDs, fmt.Sprintf("sub-%04d", i))
	}
	for _, calls := range []int{1, 4} { // the whole project, then three pieces more
		got, err := client.Read(t.Context(), q)
		if err != nil || len(server.Requests()) != calls {
			t.Fatalf("%d calls, want %d; %v", len(server.Requests()), calls, err)
		}
		distinct := map[string]bool{}
		for _, one := range got.Series {
			distinct[one.ID] = true
		}
		if len(distinct) != 120 {
			t.Fatalf("%d subscriptions", len(distinct))
		}
	}
	for _, req := range server.Requests()[1:] {
		if !strings.Contains(req.GetFilter(), "one_of(") {
			t.Fatalf("asked for %s", req.GetFilter())
		}
	}
}

func TestPausesGrowAndTheQuotasIsLonger(t *testing.T) {
	const budget = 30 * time.Second
	for range 100 {
		for _, tt := range []struct {
			code     codes.Code
			attempt  int
			min, max time.Duration
		}{
			{codes.Unavailable, 1, 500 * time.Millisecond, 1500 * time.Millisecond},
			{codes.Unavailable, 2, time.Second, 3 * time.Second},
			{codes.ResourceExhausted, 1, 2500 * time.Millisecond, 7500 * time.Millisecond},
			{codes.ResourceExhausted, 2, 5 * time.Second, 15 * time.Second},
		} {
			if got := pause(tt.code, tt.attempt, budget); got < tt.min || got > tt.max {
				t.Fatalf("%s, attempt %d: %s is not within %s and %s", tt.code, tt.attempt, got, tt.min, tt.max)
			}
		}
	}
}

func TestALongMessageIsCut(t *testing.T) {
	err := newError(question(), status.Error(codes.Internal, strings.Repeat("é", 400)))
	if len(err.Error()) > maxMessage+200 || !strings.HasSuffix(err.Error(), "é...") {
		t.Fatalf("%d bytes: %s", len(err.Error()), err)
	}
}
