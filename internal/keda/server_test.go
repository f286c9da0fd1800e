package keda

import (
	"context"
	"crypto/tls"
	"errors"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"spillway/internal/ask"
	"spillway/internal/backlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is a board with one subscription, whose backlog tests change.
type shelf struct {
	mu     sync.Mutex
	answer backlog.Answer
}

func (s *shelf) Answer(sub backlog.Subscription, m backlog.Metric, _ time.Time) backlog.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub != offers || m != backlog.NumUndeliveredMessages {
		return backlog.Answer{Reason: backlog.ReasonNotPolled, Why: "it is asked for at the next poll"}
	}
	return s.answer
}

func (s *shelf) put(value float64, state backlog.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = backlog.Answer{Total: backlog.Reading{Sample: backlog.Sample{Value: value}, State: state}, Reason: backlog.ReasonGap, Why: "Monitoring has a gap"}
}

func (s *shelf) Subscriptions() []backlog.Subscription { return []backlog.Subscription{offers} }
func (s *shelf) Metrics() []backlog.Metric             { return nil }

// raw carries messages as the bytes that travel, so that the tests say field numbers themselves.
type raw struct{}

func (raw) Name() string                    { return "proto" }
func (raw) Marshal(v any) ([]byte, error)   { return *v.(*[]byte), nil }
func (raw) Unmarshal(b []byte, v any) error { *v.(*[]byte) = append([]byte(nil), b...); return nil }

// keda is KEDA as far as a scaler sees it.
type keda struct {
	t      *testing.T
	conn   *grpc.ClientConn
	board  *shelf
	server *Server
	stop   func()

	mu    sync.Mutex
	wants []backlog.Want
}

func start(t *testing.T, security TLS, dial credentials.TransportCredentials) *keda {
	t.Helper()
	k := &keda{t: t, board: &shelf{}}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k.server, err = NewServer(ln, security, Source{
		Board: k.board, Book: ask.NewBook(backlog.Definitions()), Project: "shop", Now: time.Now,
		Wants: func(wants []backlog.Want) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.wants = wants
		},
	}, prometheus.NewPedanticRegistry(), zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.server.Run(ctx) }()
	k.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	t.Cleanup(k.stop)
	k.conn, err = grpc.NewClient(k.server.Addr(), grpc.WithTransportCredentials(dial), grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.conn.Close() })
	return k
}

// ref is a ScaledObjectRef with pairs of metadata.
func ref(pairs ...string) []byte {
	b := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "worker")
	b = protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), "web")
	for i := 0; i < len(pairs); i += 2 {
		entry := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), pairs[i])
		entry = protowire.AppendString(protowire.AppendTag(entry, 2, protowire.BytesType), pairs[i+1])
		b = protowire.AppendBytes(protowire.AppendTag(b, 3, protowire.BytesType), entry)
	}
	return b
}

func offersRef(more ...string) []byte {
	return ref(append([]string{"scalerAddress", "exporter:9091", "subscriptionName", "offers", "value", "40000"}, more...)...)
}

// wrapped is a GetMetricsRequest.
func wrapped(ref []byte, metric string) []byte {
	b := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), ref)
	return protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), metric)
}

func (k *keda) call(method string, request []byte) ([]byte, error) {
	var answer []byte
	err := k.conn.Invoke(k.t.Context(), "/externalscaler.ExternalScaler/"+method, &request, &answer)
	return answer, err
}

// field is one field of a message as it travels.
type field struct {
	Number int32
	Value  any
}

// fields reads a message; nested ones stay bytes.
func fields(t *testing.T, b []byte) []field {
	t.Helper()
	var all []field
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		var value any
		switch kind {
		case protowire.VarintType:
			value, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			var bits uint64
			bits, n = protowire.ConsumeFixed64(b)
			value = math.Float64frombits(bits)
		case protowire.BytesType:
			var content []byte
			content, n = protowire.ConsumeBytes(b)
			value = string(content)
		default:
			t.Fatalf("a field of type %d", kind)
		}
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		all = append(all, field{int32(number), value})
	}
	slices.SortFunc(all, func(a, b field) int { return int(a.Number - b.Number) })
	return all
}

func (k *keda) expect(method string, request []byte, want ...field) {
	k.t.Helper()
	answer, err := k.call(method, request)
	if err != nil {
		k.t.Errorf("%s: %v", method, err)
		return
	}
	got := fields(k.t, answer)
	if len(got) == 1 && got[0].Number == 1 && method != "IsActive" {
		got = fields(k.t, []byte(got[0].Value.(string)))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		k.t.Errorf("%s (-want +got):\n%s", method, diff)
	}
}

func (k *keda) refused(method string, request []byte, code codes.Code, says string) {
	k.t.Helper()
	if _, err := k.call(method, request); status.Code(err) != code || !strings.Contains(err.Error(), says) {
		k.t.Errorf("%s: %v, want %s about %q", method, err, code, says)
	}
}

const short = "pubsub_subscription_num_undelivered_messages"

func TestProtocol(t *testing.T) {
	k := start(t, TLS{}, insecure.NewCredentials())
	k.board.put(100000.5, backlog.Fresh)
	k.expect("GetMetricSpec", offersRef(), field{1, short}, field{2, uint64(40000)}, field{3, 40000.0})
	k.expect("GetMetrics", wrapped(offersRef(), short), field{1, short}, field{2, uint64(100001)}, field{3, 100000.5})
	k.expect("IsActive", offersRef(), field{1, uint64(1)})
	k.expect("IsActive", offersRef("activationValue", "100000"), field{1, uint64(1)})
	k.expect("IsActive", offersRef("activationValue", "100001"))
	k.board.put(0, backlog.Fresh)
	k.expect("IsActive", offersRef())
	k.expect("GetMetrics", wrapped(offersRef(), short), field{1, short})
	k.board.put(7, backlog.Held)
	k.expect("GetMetrics", wrapped(offersRef(), short), field{1, short}, field{2, uint64(7)}, field{3, 7.0})
}

func TestUnknownIsNeverZero(t *testing.T) {
	k := start(t, TLS{}, insecure.NewCredentials())
	k.board.put(0, backlog.Absent)
	k.refused("GetMetrics", wrapped(offersRef(), short), codes.Unavailable, "Monitoring has a gap")
	k.refused("IsActive", offersRef(), codes.Unavailable, "gap")
	k.refused("IsActive", ref("subscriptionName", "orders", "value", "1"), codes.Unavailable, "next poll")
	k.board.put(math.NaN(), backlog.Fresh)
	k.refused("GetMetrics", wrapped(offersRef(), short), codes.Unavailable, "not known")
	k.expect("GetMetricSpec", offersRef(), field{1, short}, field{2, uint64(40000)}, field{3, 40000.0}) // which needs no value
}

func TestBadRequests(t *testing.T) {
	k := start(t, TLS{}, insecure.NewCredentials())
	k.board.put(1, backlog.Fresh)
	for _, method := range []string{"IsActive", "GetMetricSpec"} {
		k.refused(method, nil, codes.InvalidArgument, "subscriptionName")
		k.refused(method, ref("subscriptionName", "offers"), codes.InvalidArgument, "value")
		k.refused(method, []byte{0xff}, codes.Internal, "")
		k.refused(method, make([]byte, maxRequest+1), codes.ResourceExhausted, "larger than max")
	}
	k.refused("GetMetrics", nil, codes.InvalidArgument, "subscriptionName")
	k.refused("GetMetrics", wrapped(offersRef(), "other"), codes.InvalidArgument, "not \"other\"")
	k.refused("StreamMetricSpec", offersRef(), codes.Unimplemented, "")
	if got := testutil.ToFloat64(k.server.scaler.metrics.requests.WithLabelValues("IsActive", "InvalidArgument")); got != 2 {
		t.Errorf("%g bad requests are counted", got)
	}
}

func (k *keda) stream(ctx context.Context, request []byte) grpc.ClientStream {
	k.t.Helper()
	stream, err := k.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/externalscaler.ExternalScaler/StreamIsActive")
	if err != nil {
		k.t.Fatal(err)
	}
	if err := errors.Join(stream.SendMsg(&request), stream.CloseSend()); err != nil {
		k.t.Fatal(err)
	}
	return stream
}

func TestStreamSaysItAtOnceAndEndsWithTheServer(t *testing.T) {
	k := start(t, TLS{}, insecure.NewCredentials())
	k.board.put(1, backlog.Fresh)
	stream := k.stream(t.Context(), offersRef())
	var answer []byte
	if err := stream.RecvMsg(&answer); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]field{{1, uint64(1)}}, fields(t, answer)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	began := time.Now()
	k.stop()
	if took := time.Since(began); took >= drain {
		t.Errorf("stopping took %s", took)
	}
	if err := stream.RecvMsg(&answer); status.Code(err) != codes.Unavailable {
		t.Errorf("the stream ended with %v", err)
	}
	bad := start(t, TLS{}, insecure.NewCredentials())
	if err := bad.stream(t.Context(), nil).RecvMsg(&answer); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a stream about nothing: %v", err)
	}
}

func TestWhatKEDAAsksForIsRead(t *testing.T) {
	k := start(t, TLS{}, insecure.NewCredentials())
	k.board.put(1, backlog.Fresh)
	k.expect("IsActive", offersRef(), field{1, uint64(1)})
	k.refused("IsActive", ref("subscriptionName", "orders", "value", "1", "mode", "BacklogBytes"), codes.Unavailable, "")
	want := []backlog.Want{
		{Subscription: offers, Metrics: []backlog.Metric{backlog.NumUndeliveredMessages}, By: "scaledobject web/worker"},
		{Subscription: backlog.Subscription{Project: "shop", ID: "orders"}, Metrics: []backlog.Metric{"pubsub.googleapis.com/subscription/backlog_bytes"}, By: "scaledobject web/worker"},
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		k.mu.Lock()
		diff := cmp.Diff(want, k.wants)
		k.mu.Unlock()
		if diff == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("wanted (-want +got):\n%s", diff)
		}
	}
}

func TestTLS(t *testing.T) {
	for _, security := range []TLS{{CertFile: "none", KeyFile: "none"}, {ClientCAFile: "none"}} {
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewServer(ln, security, Source{}, prometheus.NewPedanticRegistry(), zaptest.NewLogger(t)); err == nil {
			t.Errorf("%+v is taken", security)
		}
		_ = ln.Close()
	}
	pki := newPKI(t)
	k := start(t, pki.server, credentials.NewTLS(&tls.Config{RootCAs: pki.roots, ServerName: "exporter", Certificates: []tls.Certificate{pki.client}}))
	k.board.put(1, backlog.Fresh)
	k.expect("IsActive", offersRef(), field{1, uint64(1)})
	for what, config := range map[string]*tls.Config{
		"without a certificate":             {RootCAs: pki.roots, ServerName: "exporter"},
		"with somebody else's":              {RootCAs: pki.roots, ServerName: "exporter", Certificates: []tls.Certificate{newPKI(t).client}},
		"who does not know our authorities": {ServerName: "exporter", Certificates: []tls.Certificate{pki.client}},
	} {
		conn, err := grpc.NewClient(k.server.Addr(), grpc.WithTransportCredentials(credentials.NewTLS(config)), grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
		if err != nil {
			t.Fatal(err)
		}
		request, answer := offersRef(), []byte(nil)
		if err := conn.Invoke(t.Context(), "/externalscaler.ExternalScaler/IsActive", &request, &answer); status.Code(err) != codes.Unavailable {
			t.Errorf("a client %s: %v", what, err)
		}
		_ = conn.Close()
	}
}
