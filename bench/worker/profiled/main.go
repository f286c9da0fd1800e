// Command profiled is the worker with profiles: the same flags, and two more that name files to write at the end.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"syscall"

	"github.com/spf13/pflag"

	"spillway/internal/consume"
	"spillway/internal/logging"
)

// allocRate is how many bytes are allocated between two samples: dense enough to count objects by.
const allocRate = 4 << 10

func main() {
	opts := consume.DefaultOptions()
	flags := pflag.NewFlagSet("profiled", pflag.ExitOnError)
	opts.RegisterFlags(flags)
	cpu := flags.String("cpu-profile", "", "file for processor time")
	allocs := flags.String("alloc-profile", "", "file for allocations; sampling them costs processor time")
	_ = flags.Parse(os.Args[1:]) // ends the program on an error
	runtime.MemProfileRate = 0
	if *allocs != "" {
		runtime.MemProfileRate = allocRate
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := profile(ctx, opts, *cpu, *allocs)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "profiling:", err)
		os.Exit(1)
	}
}

func profile(ctx context.Context, opts consume.Options, cpu, allocs string) error {
	if err := opts.Validate(); err != nil {
		return err
	}
	app, err := consume.New(ctx, opts, logging.New(opts.Logging, os.Stderr))
	if err != nil {
		return err
	}
	if cpu == "" {
		return errors.Join(app.Run(ctx), writeAllocs(allocs))
	}
	f, err := os.Create(cpu) //nolint:gosec // the caller names the file
	if err != nil {
		return fmt.Errorf("making the profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(fmt.Errorf("starting the profile: %w", err), f.Close())
	}
	err = app.Run(ctx)
	pprof.StopCPUProfile()
	return errors.Join(err, f.Close(), writeAllocs(allocs))
}

func writeAllocs(name string) error {
	if name == "" {
		return nil
	}
	f, err := os.Create(name) //nolint:gosec // the caller names the file
	if err != nil {
		return fmt.Errorf("making the profile: %w", err)
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}
