package demo

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// echo answers every line with itself, on a port of its own.
func echo(t *testing.T) string {
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
			go func() { _, _ = io.Copy(conn, conn); _ = conn.Close() }()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln.Addr().String()
}

// line is a connection through a cable.
type line struct {
	net.Conn
	in *bufio.Reader
}

func dialLine(t *testing.T, c *cable) *line {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", c.address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &line{Conn: conn, in: bufio.NewReader(conn)}
}

// say sends words and returns what comes back within a time.
func (l *line) say(words string, within time.Duration) (string, error) {
	if words != "" {
		if _, err := l.Write([]byte(words + "\n")); err != nil {
			return "", err
		}
	}
	_ = l.SetReadDeadline(time.Now().Add(within))
	return l.in.ReadString('\n')
}

const (
	soon  = 100 * time.Millisecond // How long silence is listened to.
	bound = 20 * time.Second
)

func TestACutCableIsSilentAndCloseNothing(t *testing.T) {
	c, err := lay(t.Context(), echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	l := dialLine(t, c)
	for _, words := range []string{"one", "two"} {
		if got, err := l.say(words, bound); got != words+"\n" || err != nil {
			t.Fatalf("said %q, heard %q, %v", words, got, err)
		}
	}
	for range 3 { // Also when it is cut and mended again.
		c.cut(true)
		c.cut(true)
		if got, err := l.say("three", soon); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("through a cut cable came %q, %v", got, err)
		}
		late := dialLine(t, c) // A connection that is made meanwhile is silent too.
		if got, err := late.say("four", soon); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("through a cut cable came %q, %v", got, err)
		}
		if now, ever := c.state(); !now || !ever {
			t.Errorf("cut %t, ever %t", now, ever)
		}
		c.cut(false)
		if got, err := l.say("", bound); got != "three\n" || err != nil {
			t.Fatalf("after mending came %q, %v", got, err)
		}
		if got, err := late.say("", bound); got != "four\n" || err != nil {
			t.Fatalf("after mending came %q, %v", got, err)
		}
	}
	if now, ever := c.state(); now || !ever {
		t.Errorf("cut %t, ever %t", now, ever)
	}
}

func TestACableThatIsClosedClosesItsConnections(t *testing.T) {
	for _, cut := range []bool{false, true} {
		c, err := lay(t.Context(), echo(t))
		if err != nil {
			t.Fatal(err)
		}
		l := dialLine(t, c)
		if _, err := l.say("one", bound); err != nil {
			t.Fatal(err)
		}
		c.cut(cut)
		c.close()
		if _, err := l.say("", bound); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("cut %t: the connection is still there: %v", cut, err)
		}
	}
}

func TestAnEndThatClosesClosesTheOther(t *testing.T) {
	c, err := lay(t.Context(), "127.0.0.1:1") // Nobody listens there.
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if _, err := dialLine(t, c).say("one", bound); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestTheWiring(t *testing.T) {
	w := newWiring(echo(t))
	if err := w.cut("worker-1", true); err == nil || err.Error() != "worker-1 does not serve at the moment" {
		t.Errorf("got %v", err)
	}
	bad := errors.New("worker-1 did not end")
	run := w.wire("worker-1", func(address string) runner {
		return func(ctx context.Context, serving func(string)) error {
			serving(address)
			<-ctx.Done()
			return bad
		}
	})
	for _, cut := range []bool{false, true} {
		c, err := startChild(t.Context(), "worker-1", run)
		if err != nil {
			t.Fatal(err)
		}
		if cut {
			if err := w.cut("worker-1", true); err != nil {
				t.Error(err)
			}
			if err := w.cut("worker-1", true); err == nil || err.Error() != "the network of worker-1 is cut already" {
				t.Errorf("got %v", err)
			}
			if got := w.cutOff(); len(got) != 1 || got[0] != "worker-1" {
				t.Errorf("cut off are %v", got)
			}
		}
		switch err := c.stop(); {
		case cut && err != nil:
			t.Errorf("a bad end behind a cut cable is a fault: %v", err)
		case !cut && !errors.Is(err, bad):
			t.Errorf("a bad end is hidden: %v", err)
		}
		if got := w.cutOff(); len(got) != 0 {
			t.Errorf("cut off are %v", got)
		}
	}
}
