package fault

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"path"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// relay passes gRPC calls on to a server as bytes, lets some go wrong and counts those exactly.
type relay struct {
	server   *grpc.Server
	upstream *grpc.ClientConn
	address  string

	mu       sync.Mutex
	rng      *rand.Rand
	plan     plan
	refusal  codes.Code // every call is refused with it; OK refuses none
	streams  map[int]context.CancelFunc
	next     int
	injected map[codes.Code]int // failures of acks and modacks as the caller sees them
	executed int                // of them carried out although they failed
}

// plan is what goes wrong with Acknowledge and ModifyAckDeadline, as shares of the calls.
type plan struct {
	unavailable, internal, lost float64
	hangs                       int           // calls that are yet to hang
	hang                        time.Duration // how long
}

// raw is a message that is not decoded.
type raw []byte

type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*raw), nil }

func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*raw) = append(raw(nil), data...)
	return nil
}

func newRelay(t *testing.T, target string, rng *rand.Rand) *relay {
	t.Helper()
	upstream, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{}), grpc.MaxCallRecvMsgSize(32<<20)))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{
		upstream: upstream, address: ln.Addr().String(), rng: rng,
		streams: map[int]context.CancelFunc{}, injected: map[codes.Code]int{},
	}
	r.server = grpc.NewServer(grpc.ForceServerCodec(rawCodec{}), grpc.UnknownServiceHandler(r.handle), grpc.WaitForHandlers(true))
	done := make(chan struct{})
	go func() { defer close(done); _ = r.server.Serve(ln) }()
	t.Cleanup(func() {
		r.server.Stop()
		<-done
		_ = upstream.Close()
	})
	return r
}

func (r *relay) handle(_ any, stream grpc.ServerStream) error {
	full, _ := grpc.MethodFromServerStream(stream)
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	defer r.enter(cancel)()
	if code := r.refused(); code != codes.OK {
		return status.Error(code, "refused on purpose")
	}
	fault := r.draw(path.Base(full))
	switch {
	case fault.hang > 0:
		timer := time.NewTimer(fault.hang)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	case fault.code != codes.OK && !fault.execute:
		return status.Error(fault.code, "failed on purpose")
	}
	err := r.forward(ctx, full, stream, fault.execute)
	if code := r.refused(); code != codes.OK && errors.Is(ctx.Err(), context.Canceled) {
		return status.Error(code, "ended on purpose")
	}
	if fault.execute {
		return status.Error(fault.code, "done, and failed on purpose")
	}
	return err
}

// enter notes a call so that refuse can end it, and returns how to forget it.
func (r *relay) enter(cancel context.CancelFunc) (leave func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	id := r.next
	r.streams[id] = cancel
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.streams, id)
	}
}

func (r *relay) refused() codes.Code {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refusal
}

// refuse ends every call and refuses each new one with code; OK ends that.
func (r *relay) refuse(code codes.Code) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusal = code
	if code != codes.OK {
		for _, cancel := range r.streams {
			cancel()
		}
	}
}

// mishap is what goes wrong with one call.
type mishap struct {
	code    codes.Code
	execute bool
	hang    time.Duration
}

func (r *relay) draw(method string) mishap {
	if method != "Acknowledge" && method != "ModifyAckDeadline" {
		return mishap{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &r.plan
	if p.hangs > 0 && method == "Acknowledge" {
		p.hangs--
		r.injected[codes.DeadlineExceeded]++
		return mishap{hang: p.hang}
	}
	m := mishap{}
	switch x := r.rng.Float64(); {
	case x < p.unavailable:
		m.code = codes.Unavailable
	case x < p.unavailable+p.internal:
		m.code = codes.Internal
	case x < p.unavailable+p.internal+p.lost:
		m.code, m.execute = codes.Unavailable, true
		r.executed++
	}
	if m.code != codes.OK {
		r.injected[m.code]++
	}
	return m
}

func (r *relay) setPlan(p plan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan = p
}

func (r *relay) count(code codes.Code) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.injected[code]
}

// forward carries a call out. Its answer is withheld when mute is set.
func (r *relay) forward(ctx context.Context, method string, stream grpc.ServerStream, mute bool) error {
	ctx, cancel := context.WithCancel(ctx)
	md, _ := metadata.FromIncomingContext(ctx)
	out, err := r.upstream.NewStream(metadata.NewOutgoingContext(ctx, md), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		cancel()
		return err
	}
	defer cancel()
	// The reader of requests ends with the handler: RecvMsg fails when the call is over.
	go func() {
		for {
			var m raw
			if err := stream.RecvMsg(&m); err != nil {
				if errors.Is(err, io.EOF) {
					_ = out.CloseSend()
				}
				return
			}
			if out.SendMsg(&m) != nil {
				return
			}
		}
	}()
	for {
		var m raw
		if err := out.RecvMsg(&m); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if mute {
			continue
		}
		if err := stream.SendMsg(&m); err != nil {
			return err
		}
	}
}
