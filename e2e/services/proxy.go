//go:build linux

package services

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"
)

// dialWithin bounds the connection to an endpoint.
const dialWithin = 5 * time.Second

// proxy is a front end that is listened on.
type proxy struct {
	services *Services
	frontend frontend
	listener net.Listener
	cancel   context.CancelFunc
	tasks    sync.WaitGroup
}

// listen opens a front end.
func (s *Services) listen(ctx context.Context, f frontend) (*proxy, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", f.address.String())
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", f.address, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &proxy{services: s, frontend: f, listener: listener, cancel: cancel}
	p.tasks.Go(func() { p.accept(ctx) })
	return p, nil
}

// close ends the front end with its connections.
func (p *proxy) close() {
	p.cancel()
	_ = p.listener.Close()
	p.tasks.Wait()
}

// accept hands each connection to an endpoint.
func (p *proxy) accept(ctx context.Context) {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			if ctx.Err() == nil {
				p.services.log.Error("a Service takes no more connections", zap.Stringer("address", p.frontend.address), zap.Error(err))
			}
			return
		}
		p.tasks.Go(func() {
			defer func() { _ = conn.Close() }()
			if err := p.forward(ctx, conn); err != nil && ctx.Err() == nil {
				p.services.log.Debug("a connection to a Service ends", zap.Stringer("address", p.frontend.address), zap.Error(err))
			}
		})
	}
}

// forward copies in both directions until both have ended. Without a ready endpoint the connection is closed at once.
func (p *proxy) forward(ctx context.Context, client net.Conn) error {
	backends := p.services.table.Load().backends[p.frontend]
	if len(backends) == 0 {
		return errors.New("there is no ready endpoint")
	}
	dialling, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	backend, err := new(net.Dialer).DialContext(dialling, "tcp", backends[rand.IntN(len(backends))]) //nolint:gosec // Any will do.
	if err != nil {
		return err
	}
	defer func() { _ = backend.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = errors.Join(client.Close(), backend.Close()) })
	defer stop()
	var back sync.WaitGroup
	back.Go(func() { pipe(client, backend) })
	pipe(backend, client)
	back.Wait()
	return nil
}

// pipe copies one direction and passes on its end.
func pipe(to, from net.Conn) {
	_, err := io.Copy(to, from)
	half, ok := to.(*net.TCPConn)
	if err != nil || !ok {
		_ = to.Close()
		return
	}
	_ = half.CloseWrite()
}
