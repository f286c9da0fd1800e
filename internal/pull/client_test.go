package pull

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
)

// listen calls serve for every connection until the test ends, and returns the address.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serve(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln.Addr().String()
}

func says(text string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = io.ReadFull(conn, make([]byte, len(greeting))) // Unread, it would end the connection before the answer is read.
		_, _ = io.WriteString(conn, text)
	}
}

func TestWhatAnswersInTheEmulatorsPlaceIsToldApart(t *testing.T) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, served := grpc.NewServer(), make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	defer func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	tests := []struct {
		name, address string
		foreign       bool
	}{
		{"a server of gRPC", ln.Addr().String(), false},
		{"a web server", strings.TrimPrefix(web.URL, "http://"), true},
		{"a server of HTTP/1.0", listen(t, says("HTTP/1.0 505 no\r\n\r\n")), true},
		{"a frame that is no settings", listen(t, says("\x00\x00\x00\x06\x00\x00\x00\x00\x00")), true},
		{"settings of a stream", listen(t, says("\x00\x00\x00\x04\x00\x00\x00\x00\x01")), true},
		{"less than a frame", listen(t, says("220 ok\r\n")), true},
		{"settings", listen(t, says("\x00\x00\x06\x04\x00\x00\x00\x00\x00")), false},
		{"a proxy with nobody behind it", listen(t, func(net.Conn) {}), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(EmulatorVariable, tt.address)
			err := CheckEmulator(t.Context())
			if !tt.foreign {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), `"`+tt.address+`": something answers there that is no Pub/Sub emulator`) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSilenceInTheEmulatorsPlaceIsNotWaitedForLong(t *testing.T) {
	over := make(chan struct{})
	t.Setenv(EmulatorVariable, listen(t, func(net.Conn) { <-over }))
	defer close(over)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := CheckEmulator(ctx); err != nil {
		t.Errorf("an emulator that is about to start is refused: %v", err)
	}
	if took := time.Since(began); took > emulatorWait {
		t.Errorf("it took %s", took)
	}
}
