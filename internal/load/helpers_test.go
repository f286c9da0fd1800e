package load

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/googleapis/gax-go/v2"
	"go.uber.org/goleak"

	"spillway/internal/backlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func offers() backlog.Topic { return backlog.Topic{Project: "shop", ID: "offers"} }

// server is a topic: it takes every request after the given time, unless verdict says otherwise.
type server struct {
	takes   time.Duration
	verdict func(request int) error

	mu       sync.Mutex
	requests []int // messages in each
	running  int
	most     int
	ids      int
}

func (s *server) Publish(ctx context.Context, req *pubsubpb.PublishRequest, _ ...gax.CallOption) (*pubsubpb.PublishResponse, error) {
	request := s.begin(len(req.GetMessages()))
	defer s.end()
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.verdict != nil {
		if err := s.verdict(request); err != nil {
			return nil, err
		}
	}
	return &pubsubpb.PublishResponse{MessageIds: s.give(len(req.GetMessages()))}, nil
}

func (s *server) begin(messages int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, messages)
	s.running++
	s.most = max(s.most, s.running)
	return len(s.requests)
}

func (s *server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
}

func (s *server) give(n int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, n)
	for i := range ids {
		s.ids++
		ids[i] = fmt.Sprint(s.ids)
	}
	return ids
}

// forgetful confirms one message of each request.
type forgetful struct{}

func (forgetful) Publish(context.Context, *pubsubpb.PublishRequest, ...gax.CallOption) (*pubsubpb.PublishResponse, error) {
	return &pubsubpb.PublishResponse{MessageIds: []string{"1"}}, nil
}
