package deliver_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/deliver"
)

// dozing answers the first request of each connection with 200, and closes the connection at the second, as a server does
// whose keep-alive ends just then.
func dozing(t *testing.T) (target *deliver.Target, connections *atomic.Int32) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connections = new(atomic.Int32)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			buf := make([]byte, 4096)
			_, _ = conn.Read(buf)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			_, _ = conn.Read(buf)
			_ = conn.Close()
		}
	}()
	target = deliver.NewTarget(&url.URL{Scheme: "http", Host: ln.Addr().String()}, offers(), 1)
	t.Cleanup(func() {
		target.Close()
		_ = ln.Close()
		<-done
	})
	return target, connections
}

func TestAConnectionThatEndsAsItIsUsedAgainCostsNoAttempt(t *testing.T) {
	target, connections := dozing(t)
	for range 5 {
		if v := target.Handle(t.Context(), &backlog.Message{ID: "1"}); v.Result != deliver.Ack {
			t.Fatalf("got %+v", v)
		}
	}
	if n := connections.Load(); n != 5 {
		t.Errorf("%d connections, want 5", n)
	}
}

func TestATargetThatNeverShakesHandsLeavesNothingBehind(t *testing.T) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	target := deliver.NewTarget(&url.URL{Scheme: "https", Host: ln.Addr().String()}, offers(), 1)
	defer target.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	go target.Handle(ctx, &backlog.Message{ID: "1"})
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("the connection was not closed: %v", err)
	}
}
