package httpserver

import (
	"net"
	"net/http"
	"sync"
)

// conns knows the connections on which nothing has been said. It is safe for concurrent use.
type conns struct {
	mu     sync.Mutex
	silent map[net.Conn]struct{}
	over   bool
}

func newConns() *conns { return &conns{silent: map[net.Conn]struct{}{}} }

// note follows a connection; it is an http.Server's ConnState.
func (c *conns) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state != http.StateNew {
		delete(c.silent, conn)
		return
	}
	c.silent[conn] = struct{}{}
	if c.over {
		_ = conn.Close()
	}
}

// close ends the silent connections, and any that comes later.
func (c *conns) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	for conn := range c.silent {
		_ = conn.Close()
	}
}
