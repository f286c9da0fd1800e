package httpserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"go.uber.org/zap"

	"spillway/internal/config"
)

// The limits of every connection. The longest header is that of a push delivery without a wrapper: 100 attributes of 1,280 bytes
// and a token.
const (
	headerTimeout  = 5 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 160 << 10
	// silence is how long, at the end, a connection may take to say something for the first time. Shutdown would wait 5 s for
	// one that a client has opened and not used.
	silence = 500 * time.Millisecond
)

// Listen opens a TCP listener. flag names the flag that addr came from, for the error's cure; an address that does not
// parse is a config.Error, one that cannot be bound an ordinary error.
func Listen(ctx context.Context, flag, addr string) (net.Listener, error) {
	var errs config.Errors
	errs.CheckAddress(flag, addr, "give host:port or :port")
	if err := errs.Err(); err != nil {
		return nil, err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s %q: the port is in use; stop the program that holds it or choose another port", flag, addr)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w; choose an address and port that this machine may bind", flag, addr, err)
	}
	return ln, nil
}

// Serve answers requests on ln until ctx is done, then lets running requests end within drain, and returns.
func Serve(ctx context.Context, ln net.Listener, handler http.Handler, drain time.Duration, log *zap.Logger) error {
	return ServeBy(ctx, (*http.Server).Serve, ln, handler, drain, log)
}

// ServeBy is Serve with another way to run the server, such as one that adds TLS. run returns http.ErrServerClosed once the
// server is shut down.
func ServeBy(
	ctx context.Context, run func(*http.Server, net.Listener) error, ln net.Listener, handler http.Handler, drain time.Duration, log *zap.Logger,
) error {
	silent := newConns()
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: zap.NewStdLog(log), ConnState: silent.note,
	}
	failed := make(chan error, 1)
	go func() { failed <- run(server, ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving http: %w", err)
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	defer time.AfterFunc(min(silence, drain/2), silent.close).Stop()
	err := server.Shutdown(bounded)
	if err != nil {
		err = errors.Join(fmt.Errorf("ending http requests: %w", err), server.Close())
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
