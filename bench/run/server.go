package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const startBound = 30 * time.Second

// Server is a Pub/Sub server with a connection to it.
type Server struct {
	*Process
	Conn    *grpc.ClientConn
	Address string // host:port
}

// StartServer runs a server on a free port until ctx is done or Close is called. Arguments makes them for a host and a port.
func StartServer(ctx context.Context, binary string, arguments func(host, port string) []string) (*Server, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("reading the free address: %w", err)
	}
	p, err := Start(ctx, Command{Path: binary, Args: arguments(host, port)})
	if err != nil {
		return nil, err
	}
	s := &Server{Process: p, Address: address}
	s.Conn, err = grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(4*window),
		grpc.WithReadBufferSize(ioBuffer), grpc.WithWriteBufferSize(ioBuffer),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err == nil {
		err = waitForPort(ctx, address)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// StartSpillway runs `spillway emulator`, with more flags.
func StartSpillway(ctx context.Context, binary string, flags ...string) (*Server, error) {
	return StartServer(ctx, binary, func(host, port string) []string {
		return append([]string{"emulator", "--log-level=error", "--listen=" + net.JoinHostPort(host, port)}, flags...)
	})
}

// Close ends the connection and kills the server, which has nothing to keep.
func (s *Server) Close() error {
	if s.Conn != nil {
		_ = s.Conn.Close()
	}
	return s.Kill()
}

func freeAddress(ctx context.Context) (string, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	return ln.Addr().String(), ln.Close()
}

func waitForPort(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startBound)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the server: %w", err)
		case <-ticker.C:
		}
	}
}
