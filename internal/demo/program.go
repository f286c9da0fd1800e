package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// program is one of the real binaries and how to run it.
type program struct {
	name string // How the demo calls this process.
	path string
	args []string
	env  []string // Added to the demo's own environment.
	// patience is how long the process may take to end after SIGTERM.
	patience time.Duration
}

// run starts the program, calls serving with the address that it logs, and returns when the process is gone. When ctx
// ends, the process gets SIGTERM and, after its patience, SIGKILL; with the cause errKilled it gets SIGKILL at once. The
// error is nil if and only if it was killed so, or was told to end and did so with exit code 0, or by SIGTERM before it served: until it
// has begun a program does not heed signals.
func (p program) run(ctx context.Context, serving func(address string)) error {
	// The kernel kills a child when the thread that started it ends, so this thread is kept until the child has ended.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var served atomic.Bool
	log := &childLog{serving: func(address string) {
		served.Store(true)
		serving(address)
	}}
	cmd := exec.CommandContext(ctx, p.path, p.args...) //nolint:gosec // The programs are this one's siblings.
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stderr = log
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error {
		if errors.Is(context.Cause(ctx), errKilled) {
			return cmd.Process.Kill()
		}
		return cmd.Process.Signal(syscall.SIGTERM)
	}
	cmd.WaitDelay = p.patience
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	err := cmd.Wait()
	if ctx.Err() != nil && !served.Load() && endedBy(err, syscall.SIGTERM) {
		return nil
	}
	return p.verdict(ctx, err, log.last())
}

// verdict tells the ways in which a process ends apart.
func (p program) verdict(ctx context.Context, err error, last string) error {
	told := ctx.Err() != nil
	if errors.Is(context.Cause(ctx), errKilled) {
		return nil
	}
	if told && (err == nil || errors.Is(err, ctx.Err())) {
		return nil
	}
	if last != "" {
		last = "; it said: " + last
	}
	switch {
	case told && (errors.Is(err, exec.ErrWaitDelay) || endedBy(err, syscall.SIGKILL)):
		return fmt.Errorf("%s did not end within %s of SIGTERM and was killed%s", p.name, p.patience, last)
	case err == nil:
		return fmt.Errorf("%s ended by itself%s", p.name, last)
	default:
		return fmt.Errorf("%s: %w%s", p.name, err, last)
	}
}

func endedBy(err error, signal syscall.Signal) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == signal
}
