package keda

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

const (
	// maxRequest bounds a request in bytes, maxStreams the calls of one connection at a time.
	maxRequest = 64 << 10
	maxStreams = 1000
	// drain is how long running calls may take to end.
	drain          = 2 * time.Second
	expireInterval = time.Minute
	idleTime       = 30 * time.Minute
)

// TLS is what a server shows and whom it lets in. Without CertFile it speaks in the clear. The certificate is read again
// for every connection, so it may be replaced.
type TLS struct {
	CertFile, KeyFile string
	// ClientCAFile has the authorities whose certificates clients must show; empty asks for none. It is read once.
	ClientCAFile string
}

// Server is the scaler behind a listener. Make it with NewServer and Run it once.
type Server struct {
	scaler *scaler
	grpc   *grpc.Server
	ln     net.Listener
	log    *zap.Logger
}

// NewServer returns a server that owns ln from now on. Nothing runs before Run.
func NewServer(ln net.Listener, security TLS, source Source, reg prometheus.Registerer, log *zap.Logger) (*Server, error) {
	m := newMetrics(reg)
	sc, err := newScaler(source, m)
	if err != nil {
		return nil, err
	}
	opts := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxRequest), grpc.MaxConcurrentStreams(maxStreams), grpc.ConnectionTimeout(10 * time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleTime, Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(m.unary), grpc.StreamInterceptor(m.stream),
	}
	if security != (TLS{}) {
		config, err := security.config()
		if err != nil {
			return nil, err
		}
		opts = append(opts, grpc.Creds(credentials.NewTLS(config)))
	}
	s := &Server{scaler: sc, grpc: grpc.NewServer(opts...), ln: ln, log: log}
	s.grpc.RegisterService(sc.service(), nil)
	return s, nil
}

// Addr returns the host:port that it listens at.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Close gives the port back if the server never runs.
func (s *Server) Close() error { return s.ln.Close() }

// Run serves until ctx is done, then ends the streams and lets other calls end within two seconds.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- s.grpc.Serve(s.ln) }()
	s.log.Info("serving KEDA's external scaler protocol", zap.String("address", s.Addr()))
	err := s.loop(ctx, failed)
	if err == nil {
		s.stop()
		err = <-failed
	}
	if err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serving keda: %w", err)
	}
	return nil
}

// loop tells what is asked for until ctx is done, or returns why serving failed.
func (s *Server) loop(ctx context.Context, failed <-chan error) error {
	expire := time.NewTicker(expireInterval)
	defer expire.Stop()
	var gathered <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case <-expire.C:
			s.scaler.expire()
		case <-s.scaler.changed:
			if gathered == nil {
				gathered = time.After(settle)
			}
		case <-gathered:
			gathered = nil
			s.scaler.tell()
		}
	}
}

func (s *Server) stop() {
	close(s.scaler.stopping)
	timer := time.AfterFunc(drain, s.grpc.Stop)
	defer timer.Stop()
	s.grpc.GracefulStop()
}

func (t TLS) config() (*tls.Config, error) {
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("reading the scaler's certificate: %w", err)
		}
		return &pair, nil
	}
	if _, err := load(); err != nil {
		return nil, err
	}
	config := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return load() },
	}
	if t.ClientCAFile != "" {
		authorities, err := os.ReadFile(t.ClientCAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the authorities of the scaler's clients: %w", err)
		}
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(authorities) {
			return nil, fmt.Errorf("there is no certificate in %s", t.ClientCAFile)
		}
	}
	return config, nil
}

// service binds the protocol's methods.
func (s *scaler) service() *grpc.ServiceDesc {
	one := func(name string, in protoreflect.MessageDescriptor, answer func(context.Context, *dynamicpb.Message) (proto.Message, error)) grpc.MethodDesc {
		return grpc.MethodDesc{MethodName: name, Handler: func(_ any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
			request := dynamicpb.NewMessage(in)
			if err := decode(request); err != nil {
				return nil, err
			}
			info := &grpc.UnaryServerInfo{FullMethod: "/" + service + "/" + name}
			return intercept(ctx, request, info, func(ctx context.Context, _ any) (any, error) { return answer(ctx, request) })
		}}
	}
	return &grpc.ServiceDesc{
		ServiceName: service,
		Methods: []grpc.MethodDesc{
			one("IsActive", s.protocol.ref, s.isActive),
			one("GetMetricSpec", s.protocol.ref, s.metricSpec),
			one("GetMetrics", s.protocol.valuesRequest, s.metricValues),
		},
		Streams: []grpc.StreamDesc{{StreamName: "StreamIsActive", ServerStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
			ref := dynamicpb.NewMessage(s.protocol.ref)
			if err := stream.RecvMsg(ref); err != nil {
				return err
			}
			return s.streamActive(ref, stream)
		}}},
		Metadata: s.protocol.file.Path(),
	}
}

func (m *metrics) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	answer, err := handler(ctx, request)
	m.ended(info.FullMethod, err)
	return answer, err
}

func (m *metrics) stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	err := handler(server, stream)
	m.ended(info.FullMethod, err)
	return err
}

func (m *metrics) ended(method string, err error) {
	m.requests.WithLabelValues(method[strings.LastIndexByte(method, '/')+1:], status.Code(err).String()).Inc()
}
