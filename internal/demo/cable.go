package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// cable is a worker's connection to the emulator, through the demo, which can cut it. A cut lets nothing through in either
// direction and closes nothing, as when packets vanish: both ends find out by themselves. It is safe for concurrent use.
type cable struct {
	to     string
	ln     net.Listener
	ctx    context.Context //nolint:containedctx // It ends with close, and the connections with it.
	cancel context.CancelFunc
	wait   sync.WaitGroup

	mu    sync.Mutex
	whole chan struct{} // Closed while the cable is whole.
	ever  bool          // Whether it was ever cut.
	conns map[net.Conn]struct{}
}

// lay returns a cable from a loopback port to an address.
func lay(ctx context.Context, to string) (*cable, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("laying a cable to %s: %w", to, err)
	}
	whole := make(chan struct{})
	close(whole)
	c := &cable{to: to, ln: ln, whole: whole, conns: make(map[net.Conn]struct{})}
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.wait.Go(c.accept)
	return c, nil
}

func (c *cable) address() string { return c.ln.Addr().String() }

// cut cuts or mends the cable.
func (c *cable) cut(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on == c.isCut() {
		return
	}
	if !on {
		close(c.whole)
		return
	}
	c.whole, c.ever = make(chan struct{}), true
	for conn := range c.conns {
		_ = conn.SetReadDeadline(time.Unix(1, 0)) // Wakes whoever reads.
	}
}

func (c *cable) isCut() bool {
	select {
	case <-c.whole:
		return false
	default:
		return true
	}
}

// state says whether the cable is cut, and whether it ever was.
func (c *cable) state() (now, ever bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.isCut(), c.ever
}

// close ends every connection and waits until they are gone.
func (c *cable) close() {
	c.cancel()
	_ = c.ln.Close()
	c.mu.Lock()
	for conn := range c.conns {
		_ = conn.Close()
	}
	c.mu.Unlock()
	c.wait.Wait()
}

func (c *cable) accept() {
	for {
		near, err := c.ln.Accept()
		if err != nil {
			return
		}
		c.wait.Go(func() { c.connect(near) })
	}
}

// connect joins a connection to one of its own at the far end, as soon as the cable is whole.
func (c *cable) connect(near net.Conn) {
	if !c.add(near) {
		return
	}
	defer c.drop(near)
	if c.pause() != nil {
		return
	}
	far, err := new(net.Dialer).DialContext(c.ctx, "tcp", c.to)
	if err != nil || !c.add(far) {
		return
	}
	defer c.drop(far)
	c.wait.Go(func() { c.carry(far, near) })
	c.carry(near, far)
}

// carry copies until an end closes; then the other is closed too.
func (c *cable) carry(to, from net.Conn) {
	for {
		_, err := io.Copy(to, from)
		if !errors.Is(err, os.ErrDeadlineExceeded) || c.pause() != nil {
			break
		}
		_ = from.SetReadDeadline(time.Time{})
		if now, _ := c.state(); now { // Cut again before the deadline was lifted.
			_ = from.SetReadDeadline(time.Unix(1, 0))
		}
	}
	_ = to.Close()
	_ = from.Close()
}

// pause waits until the cable is whole, or closed, which is an error.
func (c *cable) pause() error {
	c.mu.Lock()
	whole := c.whole
	c.mu.Unlock()
	select {
	case <-whole:
		return c.ctx.Err()
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

// add remembers a connection; false means that the cable is closed, and the connection with it.
func (c *cable) add(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		_ = conn.Close()
		return false
	}
	c.conns[conn] = struct{}{}
	if c.isCut() {
		_ = conn.SetReadDeadline(time.Unix(1, 0))
	}
	return true
}

func (c *cable) drop(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, conn)
	_ = conn.Close()
}
