package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"spillway/bench/run"
)

// targetLoad is the worker's default concurrency.
const (
	targetLoad     = 110
	targetMessages = 40_000
)

// measureTarget lets the worker post a queue's messages to an HTTP endpoint, and the plain loop as many of the same bodies, so
// that what the worker adds is seen.
func (b *bench) measureTarget(ctx context.Context) (err error) {
	fmt.Fprintln(b.out, "--- http_target")
	address, stop, err := b.startEndpoint(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	url := "http://" + address + "/messages"
	n := max(run.Batch, int(b.scale*targetMessages)/run.Batch*run.Batch)
	r, err := b.measure(ctx, b.batch100, b.shipped(), load{outstanding: targetLoad, target: url}, n)
	if err != nil {
		return fmt.Errorf("http_target: %w", err)
	}
	b.note("http_target", "worker", r.less(b.startup["worker"]))
	plain, err := b.plainLoop(ctx, url, n)
	if err != nil {
		return err
	}
	fmt.Fprintln(b.out, "plain loop", plain)
	b.note("http_target", "plain", plain)
	return nil
}

func (b *bench) startEndpoint(ctx context.Context) (address string, stop func() error, err error) {
	in, hold, err := os.Pipe()
	if err != nil {
		return "", nil, fmt.Errorf("making a pipe: %w", err)
	}
	out, answer, err := os.Pipe()
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("making a pipe: %w", err), in.Close(), hold.Close())
	}
	p, err := run.Start(ctx, run.Command{Path: b.peers + "/endpoint", Stdin: in, Stdout: answer, Stderr: os.Stderr})
	err = errors.Join(err, in.Close(), answer.Close())
	if err == nil {
		_, err = fmt.Fscanln(out, &address)
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("starting the endpoint: %w", err), hold.Close())
	}
	return address, func() error { return errors.Join(hold.Close(), out.Close(), p.Kill()) }, nil
}

// plainLoop posts n bodies.
func (b *bench) plainLoop(ctx context.Context, url string, n int) (r result, err error) {
	var out bytes.Buffer
	p, err := run.Start(ctx, run.Command{
		Path: b.peers + "/plain", Stdout: &out, Stderr: os.Stderr, Env: []string{"GOMAXPROCS=2", "GOGC=100"},
		Args: []string{"-url=" + url, fmt.Sprintf("-n=%d", n), fmt.Sprintf("-concurrency=%d", concurrency(targetLoad))},
	})
	if err != nil {
		return r, err
	}
	select {
	case <-p.Ended():
	case <-time.After(runBound):
		return r, errors.Join(errors.New("the plain loop does not end"), p.Kill())
	}
	var nanos, seconds float64
	if _, err := fmt.Fscan(&out, &nanos, &seconds); err != nil {
		return r, fmt.Errorf("reading what the plain loop took: %w", err)
	}
	return result{messages: float64(n), cpu: time.Duration(nanos), rate: float64(n) / seconds}, nil
}
