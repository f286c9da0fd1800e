package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
)

const (
	readyWithin = 2 * time.Minute
	// askEvery is the pause between two questions whether a process is ready.
	askEvery = 50 * time.Millisecond
)

// Process is a program that can be ended and started again. Its methods may be called concurrently.
type Process struct {
	spec    Spec
	logPath string
	log     *zap.Logger
	starts  sync.Mutex // one start at a time

	mu    sync.Mutex
	cmd   *exec.Cmd     // nil before the first start
	ended chan struct{} // closed when cmd has ended
}

// New returns a process that has not been started. What it writes goes to logs/NAME.log below dir.
func New(spec Spec, dir string, log *zap.Logger) *Process {
	return &Process{spec: spec, logPath: filepath.Join(dir, "logs", spec.Name+".log"), log: log.With(zap.String("process", spec.Name))}
}

// Name is the name of the Spec.
func (p *Process) Name() string { return p.spec.Name }

// LogPath is the file that holds what the process has written, over all its starts.
func (p *Process) LogPath() string { return p.logPath }

// Running says whether it runs: it has been started, and has not ended since.
func (p *Process) Running() bool { return p.PID() != 0 }

// PID is the process' number, or 0 if it does not run.
func (p *Process) PID() int {
	cmd, ended := p.current()
	if cmd == nil || isClosed(ended) {
		return 0
	}
	return cmd.Process.Pid
}

// Start starts it, again if it has ended, and returns when it is ready. It is killed if it does not become ready in time
// or the context ends before that. While it runs, Start does nothing.
func (p *Process) Start(ctx context.Context) error {
	p.starts.Lock()
	defer p.starts.Unlock()
	if p.Running() {
		return nil
	}
	began := time.Now()
	if err := p.launch(); err != nil {
		return fmt.Errorf("starting %s: %w", p.spec.Name, err)
	}
	if err := p.wait(ctx); err != nil {
		p.Kill()
		return fmt.Errorf("starting %s: %w; its log ends with:\n%s", p.spec.Name, err, tail(p.logPath))
	}
	p.log.Info("ready", zap.Int("pid", p.PID()), zap.Duration("after", time.Since(began)))
	return nil
}

// launch starts the program.
func (p *Process) launch() error {
	if err := os.MkdirAll(filepath.Dir(p.logPath), 0o755); err != nil { //nolint:gosec // A log may be read.
		return err
	}
	file, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644) //nolint:gosec // A log may be read.
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	cmd := exec.Command(p.spec.Path, p.spec.Args...) //nolint:gosec,noctx // A test names the program; Kill and Stop end it.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, p.spec.Env...)
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.log.Info("ended", zap.Error(cmd.Wait()))
	}()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.ended = cmd, ended
	return nil
}

// wait asks until it is ready.
func (p *Process) wait(ctx context.Context) error {
	if p.spec.Ready == nil {
		return nil
	}
	within := p.spec.ReadyWithin
	if within == 0 {
		within = readyWithin
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_, ended := p.current()
	return Eventually(ctx, ended, p.spec.Ready)
}

// Eventually asks until the answer is nil. When the context is done or stopped is closed, it returns the last answer
// with the reason.
func Eventually(ctx context.Context, stopped <-chan struct{}, ask func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if stopped != nil {
		var watching sync.WaitGroup
		defer watching.Wait()
		defer cancel(nil)
		watching.Go(func() {
			select {
			case <-ctx.Done():
			case <-stopped:
				cancel(errors.New("the program has ended"))
			}
		})
	}
	timer := time.NewTicker(askEvery)
	defer timer.Stop()
	var last error // what was said before the time was up says more than that it was up
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), last)
		case <-timer.C:
		}
	}
}

// Kill ends it with SIGKILL, as a crash does, and returns when it has ended.
func (p *Process) Kill() { p.end(syscall.SIGKILL, 0) }

// Stop ends it with SIGTERM, and with SIGKILL if it still runs after the grace period. It returns when it has ended.
func (p *Process) Stop(grace time.Duration) { p.end(syscall.SIGTERM, grace) }

// end signals the process group and waits; after the grace period it kills.
func (p *Process) end(signal syscall.Signal, grace time.Duration) {
	cmd, ended := p.current()
	if cmd == nil || isClosed(ended) {
		return
	}
	_ = syscall.Kill(-cmd.Process.Pid, signal)
	if signal != syscall.SIGKILL {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-ended:
			return
		case <-timer.C:
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
	}
	<-ended
}

// current is the last start.
func (p *Process) current() (*exec.Cmd, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd, p.ended
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
