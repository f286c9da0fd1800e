// Command run shows MESS at work: it publishes updates to an emulator with a Black Friday burst in them, scales the three
// flows' workers, kills workers and the app meanwhile, and proves at the end that the Content API has every product,
// complete and newest.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// settings are the flags.
type settings struct {
	programs, app, keep string
	updates, products   int
	lasting             time.Duration
	seed                uint64
}

func main() {
	var s settings
	flag.StringVar(&s.programs, "programs", "bin", "folder of worker, backlog-exporter and spillway")
	flag.StringVar(&s.app, "app", "bin/example/app", "the program of the app")
	flag.StringVar(&s.keep, "keep", "", "folder for the database and the logs, which stay there (default: a temporary one)")
	flag.IntVar(&s.updates, "updates", 100_000, "updates to publish")
	flag.IntVar(&s.products, "products", 10_000, "products that they are of")
	flag.DurationVar(&s.lasting, "lasting", time.Minute, "time over which they are published")
	flag.Uint64Var(&s.seed, "seed", 1, "what is late, comes twice and is killed")
	flag.Parse()
	if err := s.validate(flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	err := play(ctx, s, os.Stdout)
	switch {
	case err == nil:
	case ctx.Err() != nil && (errors.Is(err, context.Cause(ctx)) || errors.Is(err, context.Canceled)):
		os.Exit(130) //nolint:gocritic // The process ends; the signals need no end of their own.
	default:
		fmt.Fprintln(os.Stderr, "the example failed:", err)
		os.Exit(1)
	}
}

func (s settings) validate(rest []string) error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(s.products >= 1, "-products=%d: give 1 or more", s.products)
	check(s.updates >= 3*s.products, "-updates=%d: give at least three for each of %d products", s.updates, s.products)
	check(s.updates <= 10_000_000, "-updates=%d: give at most 10000000", s.updates)
	check(s.lasting >= time.Second, "-lasting=%s: give 1s or more", s.lasting)
	check(len(rest) == 0, "%q: there are flags only", rest)
	return errors.Join(errs...)
}
