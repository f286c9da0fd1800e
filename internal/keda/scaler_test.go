package keda

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"spillway/internal/ask"
	"spillway/internal/backlog"
)

// heard is a stream that notes what is sent.
type heard struct {
	grpc.ServerStream
	ctx  context.Context
	said []bool
}

func (h *heard) Context() context.Context { return h.ctx }

func (h *heard) SendMsg(m any) error {
	message := m.(*dynamicpb.Message)
	h.said = append(h.said, message.Get(message.Descriptor().Fields().ByName("result")).Bool())
	return nil
}

func newTestScaler(t *testing.T, board backlog.Board) *scaler {
	t.Helper()
	s, err := newScaler(Source{Board: board, Book: ask.NewBook(backlog.Definitions()), Project: "shop", Now: time.Now}, newMetrics(prometheus.NewPedanticRegistry()))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scaler) reference(t *testing.T, b []byte) *dynamicpb.Message {
	t.Helper()
	m := dynamicpb.NewMessage(s.protocol.ref)
	if err := proto.Unmarshal(b, m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestStreamFollowsTheBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := &shelf{}
		s := newTestScaler(t, board)
		ctx, cancel := context.WithCancel(t.Context())
		h := &heard{ctx: ctx}
		done := make(chan error, 1)
		go func() { done <- s.streamActive(s.reference(t, offersRef("activationValue", "10")), h) }()
		expect := func(what string, want ...bool) {
			t.Helper()
			time.Sleep(2 * lookInterval)
			synctest.Wait()
			if diff := cmp.Diff(want, h.said); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		expect("while nothing is known")
		board.put(10, backlog.Fresh)
		expect("at the threshold", false)
		board.put(11, backlog.Fresh)
		expect("above it", false, true)
		board.put(5000, backlog.Held)
		expect("once is enough", false, true)
		board.put(0, backlog.Absent)
		expect("in a gap", false, true)
		board.put(0, backlog.Fresh)
		expect("empty", false, true, false)
		cancel()
		if err := <-done; status.Code(err) != codes.Canceled {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestWantsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestScaler(t, &shelf{})
		told := 0
		s.source.Wants = func(wants []backlog.Want) { told = len(wants) }
		for i := range 3 {
			if err := s.want(wanted{sub: backlog.Subscription{Project: "shop", ID: fmt.Sprint("offers", i)}}); err != nil {
				t.Fatal(err)
			}
		}
		s.tell()
		if told != 3 {
			t.Errorf("%d wants", told)
		}
		time.Sleep(wantLife)
		if err := s.want(wanted{sub: backlog.Subscription{Project: "shop", ID: "offers1"}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		s.expire()
		s.tell()
		if told != 1 {
			t.Errorf("%d wants after all but one went quiet", told)
		}
	})
}

func TestWantsAreBounded(t *testing.T) {
	s := newTestScaler(t, &shelf{})
	for i := range maxWants {
		if err := s.want(wanted{by: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.want(wanted{by: "one more"}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("one more: %v", err)
	}
	if err := s.want(wanted{by: "7"}); err != nil {
		t.Errorf("one that is known: %v", err)
	}
}
