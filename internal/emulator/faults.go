package emulator

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/emulator/broker"
	"spillway/internal/emulator/fault"
	"spillway/internal/emulator/wire"
	"spillway/internal/lifecycle"
)

const (
	// pubsubPrefix is how the full names of the methods start that faults concern.
	pubsubPrefix = "/google.pubsub.v1."
	// lookPeriod is how often idle streams and hanging calls look at the faults.
	lookPeriod = 250 * time.Millisecond
)

// unaryFaults lets faults happen to unary calls of Pub/Sub.
func unaryFaults(faults *fault.Set) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if faults.None() || !strings.HasPrefix(info.FullMethod, pubsubPrefix) {
			return next(ctx, req)
		}
		method, resource := methodName(info.FullMethod), resourceOf(req)
		if err := faultsBefore(ctx, faults, method, resource); err != nil {
			return nil, err
		}
		res, err := next(ctx, req)
		if _, hit := faults.Hit(fault.Lost, method, resource); hit && err == nil {
			if f, ok := res.(*frame); ok {
				f.free()
			}
			return nil, injected()
		}
		return res, err
	}
}

func methodName(full string) string { return full[strings.LastIndexByte(full, '/')+1:] }

// resourceOf is the name of the topic or subscription that a request is about.
func resourceOf(req any) string {
	switch r := req.(type) {
	case interface{ GetSubscription() string }:
		return r.GetSubscription()
	case interface{ GetTopic() string }:
		return r.GetTopic()
	case interface{ GetName() string }:
		return r.GetName()
	case *frame: // PublishRequest.topic and PullRequest.subscription
		return wire.FirstField(r.data.ReadOnlyData())
	}
	return ""
}

// faultsBefore lets those faults happen that come before a call is executed.
func faultsBefore(ctx context.Context, faults *fault.Set, method, resource string) error {
	if f, hit := faults.Hit(fault.Slow, method, resource); hit {
		lifecycle.Sleep(ctx, f.Delay)
	}
	if f, hit := faults.Hit(fault.Hang, method, resource); hit {
		for ctx.Err() == nil && faults.InForce(f) {
			lifecycle.Sleep(ctx, lookPeriod)
		}
	}
	if err := ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	if _, hit := faults.Hit(fault.Unavailable, method, resource); hit {
		return injected()
	}
	if _, hit := faults.Hit(fault.Denied, method, resource); hit {
		return denied()
	}
	return nil
}

func injected() error {
	return status.Error(codes.Unavailable, "The service is not available at the moment (injected fault).")
}

func denied() error {
	return status.Error(codes.PermissionDenied, "User not authorized to perform this action (injected fault).")
}

// streamFaults is what faults do to one StreamingPull call. It belongs to the goroutine that sends.
type streamFaults struct {
	set  *fault.Set
	name string // of the subscription
	// spared: exactly-once allows no duplicates, and ordering no disorder.
	exactlyOnce, ordered bool
	// halfDead is the fault that has been drawn for; a stream draws once for each.
	halfDead fault.Fault
	drawn    bool
	count    uint64
}

const streamingPull = "StreamingPull"

// look says by what error the stream is to end, if it is, and whether it is half dead from now on.
func (s *streamFaults) look() (dead bool, end error) {
	if s.set.None() {
		return false, nil
	}
	if _, hit := s.set.Hit(fault.Cut, streamingPull, s.name); hit {
		return false, injected()
	}
	if _, hit := s.set.Hit(fault.Denied, streamingPull, s.name); hit {
		return false, denied()
	}
	if s.drawn && s.set.InForce(s.halfDead) {
		return false, nil
	}
	s.halfDead, s.drawn, dead = s.drawHalfDead()
	return dead, nil
}

// drawHalfDead draws if a half-dead fault concerns the stream now, and remembers that it did.
func (s *streamFaults) drawHalfDead() (f fault.Fault, drawn, dead bool) {
	for _, f := range s.set.List() {
		if f.Kind == fault.HalfDead && s.set.InForce(f) {
			_, dead := s.set.Hit(fault.HalfDead, streamingPull, s.name)
			return f, true, dead
		}
	}
	return fault.Fault{}, false, false
}

// spoil duplicates and disorders what is about to be sent.
func (s *streamFaults) spoil(messages []broker.Delivery) []broker.Delivery {
	if s.set.None() {
		return messages
	}
	n := len(messages)
	for i := 0; i < n && !s.exactlyOnce; i++ {
		if _, hit := s.set.Hit(fault.Duplicate, streamingPull, s.name); hit {
			messages = append(messages, messages[i])
		}
	}
	for i := 0; i < len(messages) && !s.ordered; i++ {
		if _, hit := s.set.Hit(fault.Disorder, streamingPull, s.name); hit {
			s.count++
			j := s.set.Number(s.count, len(messages))
			messages[i], messages[j] = messages[j], messages[i]
		}
	}
	return messages
}
