// Command app is the container image "app" of the end-to-end scenarios: what a team would have there. It takes Pub/Sub's
// push format on port 8081, works on each message as the ledger at $LEDGER has said last, reports it there, and answers 204.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"

	"spillway/e2e/ledger"
	"spillway/internal/httpserver"
)

// startLimit bounds the first question to the ledger, and reportLimit each question.
const (
	startLimit  = time.Minute
	reportLimit = 20 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Getenv("LEDGER")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // The deferred stop only gives the signals back.
	}
}

// run serves until ctx is done.
func run(ctx context.Context, base string) error {
	client := &http.Client{Timeout: reportLimit, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	reporter := ledger.NewReporter(base, client)
	if err := ask(ctx, reporter); err != nil {
		return fmt.Errorf("$LEDGER %q: %w", base, err)
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", ":8081")
	if err != nil {
		return err
	}
	return httpserver.Serve(ctx, ln, handler(reporter), time.Second, zap.NewNop())
}

// ask asks for the work until there is an answer.
func ask(ctx context.Context, r *ledger.Reporter) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := r.Ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}
