package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// startLimit bounds the time until a program serves, and stopLimit that until it has ended after SIGTERM.
const (
	startLimit = 30 * time.Second
	stopLimit  = 30 * time.Second
)

// process is one of the programs.
type process struct {
	cmd     *exec.Cmd
	address string        // host:port
	started chan struct{} // closed when it runs, or is not going to
	ended   chan struct{} // closed when it has ended, after err is set
	err     error
}

// launcher starts the programs and keeps their logs.
type launcher struct {
	logs string
	stay bool // whether the logs are still there when the program has ended
	env  []string
}

// where says where the log of a program is to be read.
func (l launcher) where(log string) string {
	if l.stay {
		return "see " + log
	}
	return "-keep=FOLDER keeps its log"
}

// start runs a program and waits until it serves. name is unique.
func (l launcher) start(ctx context.Context, name, path string, args ...string) (*process, error) {
	file, err := os.Create(filepath.Join(l.logs, name+".log")) //nolint:gosec // The names are ours.
	if err != nil {
		return nil, err
	}
	p := &process{started: make(chan struct{}), ended: make(chan struct{})}
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), path, args...) //nolint:gosec // The programs are ours.
	p.cmd.Env = append(os.Environ(), l.env...)
	p.cmd.SysProcAttr = alone()
	serving := make(chan string, 1)
	go p.run(file, serving)
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	select {
	case p.address = <-serving:
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("%s ended before it served: %w; %s", name, p.err, l.where(file.Name()))
	case <-ctx.Done():
		p.kill()
		return nil, context.Cause(ctx)
	case <-limit.C:
		p.kill()
		return nil, fmt.Errorf("%s does not serve within %s; %s", name, startLimit, l.where(file.Name()))
	}
}

// run starts the program, keeps its log, finds the address in it, and waits for the end.
func (p *process) run(file *os.File, serving chan<- string) {
	defer close(p.ended)
	// The kernel kills a child when the thread that started it ends, so this thread is kept until the child has ended.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	stderr, err := p.cmd.StderrPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	close(p.started)
	if err != nil {
		p.err = errors.Join(fmt.Errorf("%w; is it built? run: make build", err), file.Close())
		return
	}
	p.follow(io.TeeReader(stderr, file), serving)
	p.err = errors.Join(p.cmd.Wait(), file.Close())
}

func (p *process) follow(log io.Reader, serving chan<- string) {
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var entry struct{ Message, Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &entry) != nil || entry.Message != "serving" && entry.Msg != "serving" {
			continue
		}
		select {
		case serving <- entry.Address:
		default:
		}
	}
}

// kill ends the process as a crash does, and waits until it is gone.
func (p *process) kill() {
	if <-p.started; p.cmd.Process != nil {
		_ = p.cmd.Process.Kill() // It may have ended.
	}
	<-p.ended
}

// stop tells the process to end, and waits until it has.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // It may have ended.
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case <-p.ended:
		return p.err
	case <-limit.C:
		p.kill()
		return fmt.Errorf("%s did not end within %s", p.cmd.Path, stopLimit)
	}
}

// place holds one process, which is started again whenever it has ended.
type place struct {
	mu      sync.Mutex
	current *process
}

func (p *place) set(c *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current = c
}

// crash kills what runs in the place. It reports false while nothing does.
func (p *place) crash() bool {
	p.mu.Lock()
	c := p.current
	p.mu.Unlock()
	if c == nil {
		return false
	}
	c.kill()
	return true
}

// keep keeps a process running until ctx is done, then stops it. start is told how often there has been one.
func (p *place) keep(ctx context.Context, start func(ctx context.Context, n int) (*process, error)) error {
	for n := 1; ctx.Err() == nil; n++ {
		c, err := start(ctx, n)
		if err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // Being told to stop is no failure.
			}
			return err
		}
		p.set(c)
		select {
		case <-c.ended: // It crashed; that is what the example is about.
		case <-ctx.Done():
			p.set(nil)
			return c.stop()
		}
		p.set(nil)
	}
	return nil
}
