package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"spillway/internal/lifecycle"
)

// sniffTimeout bounds how long a connection may stay silent before its protocol is known.
const sniffTimeout = 10 * time.Second

// preface is how a connection starts that speaks HTTP/2; no HTTP/1.1 method does.
const preface = "PRI "

// fork accepts connections and hands each to the branch of its protocol.
type fork struct {
	ln           net.Listener
	http1, http2 *branch

	mu       sync.Mutex
	sniffing map[net.Conn]struct{}
	group    sync.WaitGroup
}

func newFork(ln net.Listener) *fork {
	return &fork{ln: ln, http1: newBranch(ln.Addr()), http2: newBranch(ln.Addr()), sniffing: map[net.Conn]struct{}{}}
}

// serve accepts until ctx is done, and returns when no connection is on its way to a branch any more. The branches stay open
// for the servers behind them to close.
func (f *fork) serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = f.ln.Close() })
	defer stop()
	defer f.group.Wait()
	defer f.closeSniffed()
	for {
		conn, err := f.ln.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("accepting connections: %w", err)
		}
		if err != nil { // the peer is gone again, or descriptors are short: the next one may work
			lifecycle.Sleep(ctx, 10*time.Millisecond)
			continue
		}
		f.track(conn, true)
		f.group.Go(func() { f.route(conn) })
	}
}

func (f *fork) route(conn net.Conn) {
	defer f.track(conn, false)
	var start [len(preface)]byte
	_ = conn.SetReadDeadline(time.Now().Add(sniffTimeout))
	n, err := io.ReadFull(conn, start[:])
	_ = conn.SetReadDeadline(time.Time{})
	if err != nil {
		_ = conn.Close()
		return
	}
	target := f.http1
	if string(start[:n]) == preface {
		target = f.http2
	}
	target.deliver(&replayed{Conn: conn, start: bytes.NewReader(start[:n])})
}

func (f *fork) track(conn net.Conn, sniffing bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if sniffing {
		f.sniffing[conn] = struct{}{}
		return
	}
	delete(f.sniffing, conn)
}

func (f *fork) closeSniffed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.sniffing {
		_ = conn.Close()
	}
}

// branch is the listener of one protocol.
type branch struct {
	addr   net.Addr
	conns  chan net.Conn
	done   chan struct{}
	closed sync.Once
}

func newBranch(addr net.Addr) *branch {
	return &branch{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

func (b *branch) deliver(conn net.Conn) {
	select {
	case b.conns <- conn:
	case <-b.done:
		_ = conn.Close()
	}
}

func (b *branch) end() { b.closed.Do(func() { close(b.done) }) }

// Accept implements net.Listener.
func (b *branch) Accept() (net.Conn, error) {
	select {
	case conn := <-b.conns:
		return conn, nil
	case <-b.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (b *branch) Close() error {
	b.end()
	return nil
}

// Addr implements net.Listener.
func (b *branch) Addr() net.Addr { return b.addr }

// replayed is a connection whose first bytes have been read already.
type replayed struct {
	net.Conn
	start *bytes.Reader
}

// Read implements net.Conn.
func (r *replayed) Read(p []byte) (int, error) {
	if r.start.Len() > 0 {
		return r.start.Read(p)
	}
	return r.Conn.Read(p)
}
