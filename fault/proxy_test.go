package fault

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy is a TCP path that can be broken in the ways in which paths break.
type proxy struct {
	ln   net.Listener
	work sync.WaitGroup

	mu      sync.Mutex
	target  string
	pipes   map[*pipe]bool
	refused bool // new connections are reset
	silent  bool // new connections swallow too
	shape   shape
	opened  int
}

// shape makes a path slow; the zero value does not.
type shape struct {
	delay func() time.Duration // for each chunk; order is kept
	rate  int                  // bytes per second and direction
}

// pipe is one connection through the proxy.
type pipe struct {
	client, server *net.TCPConn
	mu             sync.Mutex
	dead           bool // bytes are read, so TCP acknowledges them, and go nowhere
	shape          shape
	over           chan struct{}
	once           sync.Once
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{ln: ln, target: target, pipes: map[*pipe]bool{}}
	p.work.Go(p.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		p.cut()
		p.work.Wait()
	})
	return p
}

func (p *proxy) address() string { return p.ln.Addr().String() }

func (p *proxy) accept() {
	for {
		conn, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.work.Go(func() { p.join(conn.(*net.TCPConn)) })
	}
}

// join connects a client with the target, unless that is refused.
func (p *proxy) join(client *net.TCPConn) {
	p.mu.Lock()
	target, refused := p.target, p.refused
	p.mu.Unlock()
	if refused {
		reset(client)
		return
	}
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", target)
	if err != nil {
		reset(client)
		return
	}
	c := &pipe{client: client, server: server.(*net.TCPConn), over: make(chan struct{})}
	p.mu.Lock()
	if p.refused {
		p.mu.Unlock()
		c.reset()
		return
	}
	c.dead, c.shape = p.silent, p.shape
	p.pipes[c] = true
	p.opened++
	p.mu.Unlock()
	var ways sync.WaitGroup
	ways.Go(func() { c.carry(c.server, c.client) })
	ways.Go(func() { c.carry(c.client, c.server) })
	ways.Wait()
	p.mu.Lock()
	delete(p.pipes, c)
	p.mu.Unlock()
}

func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

func (c *pipe) reset() {
	c.once.Do(func() { close(c.over) })
	reset(c.client)
	reset(c.server)
}

// chunk is a piece of the stream and when it is due at the other end.
type chunk struct {
	data []byte
	due  time.Time
}

// carry moves bytes one way until that way ends, and then ends the whole connection.
func (c *pipe) carry(to, from *net.TCPConn) {
	defer c.reset()
	chunks := make(chan chunk, 1024)
	var writing sync.WaitGroup
	writing.Go(func() { c.write(to, chunks) })
	defer writing.Wait()
	defer close(chunks)
	for {
		buffer := make([]byte, 16<<10)
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		c.mu.Lock()
		dead, shape := c.dead, c.shape
		c.mu.Unlock()
		if dead {
			continue
		}
		due := time.Time{}
		if shape.delay != nil {
			due = time.Now().Add(shape.delay())
		}
		select {
		case chunks <- chunk{buffer[:n], due}:
		case <-c.over:
			return
		}
	}
}

// write sends each chunk when it is due and, at a limited rate, waits as long as it would take.
func (c *pipe) write(to io.Writer, chunks <-chan chunk) {
	for next := range chunks {
		c.wait(time.Until(next.due))
		if _, err := to.Write(next.data); err != nil {
			c.reset()
		}
		c.mu.Lock()
		rate := c.shape.rate
		c.mu.Unlock()
		if rate > 0 {
			c.wait(time.Duration(len(next.data)) * time.Second / time.Duration(rate))
		}
	}
}

func (c *pipe) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.over:
	}
}

// each calls f with every connection and its lock held.
func (p *proxy) each(f func(c *pipe)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pipes {
		c.mu.Lock()
		f(c)
		c.mu.Unlock()
	}
}

// cut resets every connection.
func (p *proxy) cut() { p.each((*pipe).reset) }

// refuse resets every connection and each new one until it is called with false.
func (p *proxy) refuse(on bool) {
	p.mu.Lock()
	p.refused = on
	p.mu.Unlock()
	if on {
		p.cut()
	}
}

// swallow makes every connection half-dead for good, as when a middlebox forgot them. New ones swallow too as long as
// all is true.
func (p *proxy) swallow(all bool) {
	p.mu.Lock()
	p.silent = all
	p.mu.Unlock()
	p.each(func(c *pipe) { c.dead = true })
}

// heal lets new connections through again; what was half-dead stays so.
func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = false
}

// slow shapes every connection, now and later.
func (p *proxy) slow(s shape) {
	p.mu.Lock()
	p.shape = s
	p.mu.Unlock()
	p.each(func(c *pipe) { c.shape = s })
}

// lead sends new connections elsewhere.
func (p *proxy) lead(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

func TestProxyBreaksPathsAsItSays(t *testing.T) {
	echo, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			})
		}
	})
	t.Cleanup(func() { _ = echo.Close(); serving.Wait() })
	p := newProxy(t, echo.Addr().String())
	dial := func() net.Conn {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	// say reports whether what is said comes back within d.
	say := func(conn net.Conn, d time.Duration) bool {
		_ = conn.SetDeadline(time.Now().Add(d))
		if _, err := conn.Write([]byte("hello")); err != nil {
			return false
		}
		_, err := io.ReadFull(conn, make([]byte, 5))
		return err == nil
	}
	first := dial()
	if !say(first, 5*time.Second) {
		t.Fatal("a whole path carries nothing")
	}
	p.swallow(false)
	if say(first, 200*time.Millisecond) {
		t.Error("a half-dead path carries")
	}
	second := dial()
	if !say(second, 5*time.Second) {
		t.Error("a new path beside a half-dead one carries nothing")
	}
	p.swallow(true)
	if say(dial(), 200*time.Millisecond) {
		t.Error("a new path carries although all are to be dead")
	}
	p.heal()
	p.slow(shape{delay: func() time.Duration { return 150 * time.Millisecond }})
	begin := time.Now()
	if !say(dial(), 5*time.Second) || time.Since(begin) < 300*time.Millisecond {
		t.Errorf("a path with 150 ms each way answered after %s", time.Since(begin))
	}
	p.slow(shape{rate: 20})
	begin = time.Now()
	third := dial()
	for range 2 {
		if !say(third, 5*time.Second) {
			t.Error("a narrow path carries nothing")
		}
	}
	if took := time.Since(begin); took < 250*time.Millisecond { // The second word waits for the first one.
		t.Errorf("at 20 bytes a second 10 bytes took %s", took)
	}
	p.cut()
	if say(third, 5*time.Second) {
		t.Error("a path that was cut carries")
	}
	p.refuse(true)
	// The reset may come before the dial has returned.
	if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.address()); err == nil {
		if say(conn, 5*time.Second) {
			t.Error("a refused path carries")
		}
		_ = conn.Close()
	}
	p.refuse(false)
	if !say(dial(), 5*time.Second) {
		t.Error("a path that is whole again carries nothing")
	}
}
