package pull

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/lifecycle"
)

func TestMain(m *testing.M) {
	// The official client of these tests imports OpenCensus, which starts a worker for the life of the process.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"))
}

// server is an api that notes its calls and answers as told.
type server struct {
	mu    sync.Mutex
	begin time.Time
	calls []string // "5ms ack 2", with the time since begin and the number of ack IDs
	do    func(ctx context.Context, op string, call int, ids []string) error
}

func (s *server) answer(ctx context.Context, op string, ids []string) error {
	s.mu.Lock()
	s.calls = append(s.calls, fmt.Sprintf("%s %s %d", time.Since(s.begin), op, len(ids)))
	n := len(s.calls)
	s.mu.Unlock()
	if s.do == nil {
		return nil
	}
	return s.do(ctx, op, n, ids)
}

func (s *server) acknowledge(ctx context.Context, ids []string) error {
	return s.answer(ctx, opAck, ids)
}

func (s *server) modack(ctx context.Context, ids []string, d time.Duration) error {
	if d == 0 {
		return s.answer(ctx, opNack, ids)
	}
	return s.answer(ctx, opModack, ids)
}

func (s *server) expectCalls(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.calls, want) {
		t.Errorf("calls %q, want %q", s.calls, want)
	}
}

// lab is a settler with its inventory of n messages.
type lab struct {
	*settler
	*server
	items []*item
	lost  map[string]int
	stop  func()
}

func newLab(t *testing.T, n, window int) *lab {
	t.Helper()
	in := newInventory(0, batchOf(window), nil)
	l := &lab{server: &server{begin: time.Now()}, lost: map[string]int{}}
	l.settler = &settler{inventory: in, api: l.server, lost: func(op string, n int) { l.lost[op] += n }, log: zap.NewNop()}
	for i := range n {
		it := received(strconv.Itoa(i), "ack-"+strconv.Itoa(i), "")
		it.home = in
		in.add(it)
		l.items = append(l.items, it)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { l.run(ctx); close(done) }()
	l.stop = func() { cancel(); <-done }
	return l
}

func (l *lab) expectLeft(t *testing.T, want int) {
	t.Helper()
	l.inventory.mu.Lock()
	defer l.inventory.mu.Unlock()
	if l.inventory.items.len() != want {
		t.Errorf("%d messages are left, want %d", l.inventory.items.len(), want)
	}
}

func TestAcksShareRequestsButDoNotWaitLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 30, 40) // A fraction of the window is 10.
		defer l.stop()
		for _, it := range l.items[:10] {
			it.settle(Acked)
		}
		synctest.Wait()
		l.expectCalls(t, "0s ack 10")
		for _, it := range l.items[10:13] {
			it.settle(Acked)
		}
		l.items[13].settle(Nacked)
		time.Sleep(time.Second)
		synctest.Wait()
		slices.Sort(l.calls) // An ack and a nack leave at the same time.
		l.expectCalls(t, "0s ack 10", "5ms ack 3", "5ms nack 1")
		l.expectLeft(t, 16)
	})
}

func TestASettlementIsRetriedByItsCode(t *testing.T) {
	tests := []struct {
		code codes.Code
		lost int
	}{
		{codes.Unavailable, 0},
		{codes.DeadlineExceeded, 0},
		{codes.Internal, 0},
		{codes.Aborted, 0},
		{codes.ResourceExhausted, 0},
		{codes.Unknown, 0},
		{codes.Unauthenticated, 0}, // A token that could not be renewed for a moment ends so too.
		{codes.NotFound, 2},
		{codes.PermissionDenied, 2},
		{codes.InvalidArgument, 2},
		{codes.FailedPrecondition, 2},
	}
	for _, tt := range tests {
		t.Run(tt.code.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, 2, 4)
				defer l.stop()
				l.do = func(_ context.Context, _ string, call int, _ []string) error {
					if call == 1 {
						return status.Error(tt.code, "once")
					}
					return nil
				}
				l.items[0].settle(Acked)
				l.items[1].settle(Acked)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				l.expectLeft(t, 0)
				if l.lost[opAck] != tt.lost {
					t.Errorf("lost %v, want %d", l.lost, tt.lost)
				}
			})
		})
	}
}

func TestASettlementIsGivenUpAfterItsBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 1, 4)
		defer l.stop()
		l.do = func(context.Context, string, int, []string) error { return status.Error(codes.Unavailable, "for ever") }
		l.items[0].settle(Acked)
		time.Sleep(settleBudget - time.Second)
		synctest.Wait()
		l.expectLeft(t, 1)
		time.Sleep(longPause + 2*time.Second)
		synctest.Wait()
		l.expectLeft(t, 0)
		if l.lost[opAck] != 1 {
			t.Errorf("lost %v", l.lost)
		}
	})
}

func TestWhatIsRedeliveredAtTheEndOfItsBudgetGetsAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 1, 4)
		defer l.stop()
		begin := time.Now()
		l.do = func(context.Context, string, int, []string) error {
			if time.Since(begin) > settleBudget+longPause {
				return nil
			}
			l.inventory.add(received("0", "ack-again", "")) // The lease ran out while the server could not be told.
			return status.Error(codes.Unavailable, "for a while")
		}
		l.items[0].settle(Acked)
		time.Sleep(settleBudget + 3*longPause)
		synctest.Wait()
		l.expectLeft(t, 0)
	})
}

// partly is what exactly-once delivery answers when some ack IDs of a request fail, each for its reason.
func partly(t *testing.T, reasons map[string]string) error {
	t.Helper()
	s, err := status.New(codes.FailedPrecondition, "some failed").WithDetails(&errdetails.ErrorInfo{Metadata: reasons})
	if err != nil {
		t.Error(err)
	}
	return s.Err()
}

func TestExactlyOnceFailuresAreToldApartByAckID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 3, 12)
		defer l.stop()
		var second []string
		l.do = func(_ context.Context, _ string, call int, ids []string) error {
			if call > 1 {
				second = ids
				return nil
			}
			return partly(t, map[string]string{"ack-0": "PERMANENT_FAILURE_INVALID_ACK_ID", "ack-1": "TRANSIENT_FAILURE_UNORDERED_ACK_ID"})
		}
		for _, it := range l.items {
			it.settle(Acked)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		l.expectLeft(t, 0)
		if l.lost[opAck] != 1 || !slices.Equal(second, []string{"ack-1"}) {
			t.Errorf("lost %v, retried %v", l.lost, second)
		}
	})
}

func TestReceiptIsConfirmedBeforeTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		items := []*item{received("0", "ack-0", ""), received("1", "ack-1", ""), received("2", "ack-2", "")}
		srv := &server{begin: time.Now(), do: func(_ context.Context, _ string, call int, _ []string) error {
			switch call {
			case 1:
				return status.Error(codes.Unavailable, "for a moment")
			case 2:
				return partly(t, map[string]string{"ack-0": "TRANSIENT_FAILURE_SERVICE_UNAVAILABLE", "ack-1": "PERMANENT_FAILURE_INVALID_ACK_ID"})
			default:
				return nil
			}
		}}
		got := confirm(t.Context(), srv, items, time.Minute)
		if !slices.Equal(got, []*item{items[0], items[2]}) {
			t.Errorf("%d are confirmed, want the first and the last", len(got))
		}
		srv.do = func(context.Context, string, int, []string) error { return status.Error(codes.Unavailable, "for ever") }
		begin := time.Now()
		if got := confirm(t.Context(), srv, items, time.Minute); len(got) != 0 || time.Since(begin) > callTimeout {
			t.Errorf("%d are confirmed after %s", len(got), time.Since(begin))
		}
		stopping, stop := context.WithCancel(t.Context())
		stop()
		begin = time.Now()
		if got := confirm(stopping, srv, items, time.Minute); len(got) != 0 || time.Since(begin) > 0 {
			t.Errorf("%d are confirmed after %s", len(got), time.Since(begin))
		}
	})
}

func TestARedeliveryBeforeTheAckIsSentNeedsNoSecondAck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 1, 8)
		defer l.stop()
		var sent []string
		l.do = func(_ context.Context, _ string, _ int, ids []string) error { sent = append(sent, ids...); return nil }
		l.items[0].settle(Acked)
		l.inventory.add(received("0", "ack-again", ""))
		time.Sleep(time.Second)
		synctest.Wait()
		if !slices.Equal(sent, []string{"ack-again"}) {
			t.Errorf("acked %v", sent)
		}
		l.expectLeft(t, 0)
	})
}

// hang answers acks only when their call is given up or ends after d.
func hang(d time.Duration) func(context.Context, string, int, []string) error {
	return func(ctx context.Context, op string, _ int, _ []string) error {
		if op == opAck {
			lifecycle.Sleep(ctx, d)
		}
		return ctx.Err()
	}
}

func TestLeasesAreKeptWhileAnAckHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 2, 4)
		defer l.stop()
		l.do = hang(25 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		keep := &keeper{inventory: l.inventory, api: l.server, extension: time.Minute, maxLease: time.Hour, expired: func(int) {}}
		go func() { keep.run(ctx); close(done) }()
		l.items[0].settle(Acked) // Its lease is kept too, until the ack is confirmed.
		time.Sleep(62 * time.Second)
		synctest.Wait()
		l.expectCalls(t, "0s ack 1", "1s modack 2", "31s modack 1", "1m1s modack 1")
		l.expectLeft(t, 1)
		cancel()
		<-done
	})
}

func TestKeeper(t *testing.T) {
	run := func(t *testing.T, l *lab, maxLease, d time.Duration) (expired int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		keep := &keeper{inventory: l.inventory, api: l.server, extension: time.Minute, maxLease: maxLease, expired: func(n int) { expired += n }}
		keep.run(ctx)
		return expired
	}
	t.Run("a failed extension is repeated at the next tick", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, 1, 4)
			defer l.stop()
			l.do = func(_ context.Context, _ string, call int, _ []string) error {
				if call < 3 {
					return status.Error(codes.Unavailable, "twice")
				}
				return nil
			}
			run(t, l, time.Hour, 20*time.Second)
			l.expectCalls(t, "1s modack 1", "2s modack 1", "3s modack 1")
		})
	})
	t.Run("of a request that failed in part only what may still succeed is repeated", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, 3, 4)
			defer l.stop()
			l.do = func(_ context.Context, _ string, call int, _ []string) error {
				switch call {
				case 1:
					return partly(t, map[string]string{"ack-0": "PERMANENT_FAILURE_INVALID_ACK_ID", "ack-1": "TRANSIENT_FAILURE_SERVICE_UNAVAILABLE"})
				default:
					return nil
				}
			}
			run(t, l, time.Hour, 20*time.Second)
			l.expectCalls(t, "1s modack 3", "2s modack 1")
		})
	})
	t.Run("what is nacked is extended no more, however long the nack takes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, 2, 8)
			defer l.stop()
			l.do = func(_ context.Context, op string, _ int, _ []string) error {
				if op == opNack {
					return status.Error(codes.Unavailable, "for ever")
				}
				return nil
			}
			l.items[0].settle(Nacked)
			run(t, l, time.Hour, 2*time.Second)
			if !slices.Contains(l.calls, "1s modack 1") {
				t.Errorf("calls %q", l.calls)
			}
		})
	})
	t.Run("a lease ends at its limit", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, 1, 4)
			defer l.stop()
			if expired := run(t, l, 40*time.Second, 3*time.Minute); expired != 1 {
				t.Errorf("%d expired, want 1", expired)
			}
			l.expectCalls(t, "1s modack 1", "31s modack 1")
		})
	})
	t.Run("many leases take several requests", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, maxIDs+1, 4)
			defer l.stop()
			run(t, l, time.Hour, 1500*time.Millisecond)
			slices.Sort(l.calls)
			l.expectCalls(t, "1s modack 1", "1s modack 2500")
		})
	})
}

func TestWhatStandsBehindAnUnconfirmedReceiptIsNotHandled(t *testing.T) {
	a1, b1, a2, free, b2 := received("a1", "1", "a"), received("b1", "2", "b"), received("a2", "3", "a"), received("free", "4", ""), received("b2", "5", "b")
	got := behind([]*item{a1, b1, a2, free, b2}, []*item{a1, free})
	if !slices.Equal(got, []*item{b1, b2}) {
		t.Errorf("%d are handled, want b1 and b2", len(got))
	}
	if got := behind([]*item{a1, a2}, nil); len(got) != 2 {
		t.Errorf("%d are handled, want both", len(got))
	}
}
