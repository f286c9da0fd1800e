package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stopBound is how long a program may take to end by itself.
const stopBound = 30 * time.Second

// Process is a program under measurement, in a process group of its own.
type Process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when the program has ended
}

// Command says what to run. Env is added to this process's environment.
type Command struct {
	Path   string
	Args   []string
	Env    []string
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// Start runs a program until it ends, ctx is done, or Stop or Kill is called, one of which must be.
func Start(ctx context.Context, c Command) (*Process, error) {
	p := &Process{cmd: exec.CommandContext(ctx, c.Path, c.Args...), ended: make(chan struct{})} //nolint:gosec // the program is what is measured
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = c.Stdin, c.Stdout, c.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a start script's children end with it
	p.cmd.Cancel = func() error { return p.signal(syscall.SIGKILL) }
	p.cmd.WaitDelay = stopBound // what is not read any more keeps nobody waiting
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.Path, err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // Stop reads the outcome; a killed program ends with an error, always.
	}()
	return p, nil
}

func (p *Process) signal(s syscall.Signal) error { return syscall.Kill(-p.cmd.Process.Pid, s) }

// Ended is closed when the program has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Wait waits until the program has ended by itself, or ctx is done. Its error says that the program did not end well.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.ended:
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), p.Kill())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with code %d", p.cmd.Path, code)
	}
	return nil
}

// Stop asks the program to end, and waits until it has. Its error says that the program did not end well.
func (p *Process) Stop() error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return errors.Join(fmt.Errorf("stopping %s: %w", p.cmd.Path, err), p.Kill())
	}
	select {
	case <-p.ended:
	case <-time.After(stopBound):
		return errors.Join(fmt.Errorf("%s did not end within %s", p.cmd.Path, stopBound), p.Kill())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with code %d", p.cmd.Path, code)
	}
	return nil
}

// Kill ends the program at once and waits until it has ended.
func (p *Process) Kill() error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	err := p.signal(syscall.SIGKILL)
	<-p.ended
	return err
}

// cpuClock is Linux's CPUCLOCK_SCHED: what a process's threads, the ended ones too, have used in user and system mode.
const cpuClock = 2

// CPU is the processor time that the program has used, to the nanosecond: what rusage says once it has ended.
func (p *Process) CPU() (time.Duration, error) {
	var used unix.Timespec
	clock := int32(^p.cmd.Process.Pid<<3 | cpuClock) //nolint:gosec // clock_getcpuclockid(3)'s encoding of a process's clock
	if err := unix.ClockGettime(clock, &used); err != nil {
		return 0, fmt.Errorf("reading the processor time of %s: %w", p.cmd.Path, err)
	}
	return time.Duration(used.Nano()), nil
}

// Resident is how much memory of the program is in RAM now, in bytes.
func (p *Process) Resident() (float64, error) { return p.memory("VmRSS:") }

// Peak is the most that Resident has ever been, in bytes.
func (p *Process) Peak() (float64, error) { return p.memory("VmHWM:") }

func (p *Process) memory(field string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading the memory of %s: %w", p.cmd.Path, err)
	}
	_, after, _ := strings.Cut(string(status), field)
	kb, err := strconv.ParseFloat(strings.Fields(after + " ?")[0], 64)
	if err != nil {
		return 0, fmt.Errorf("reading the memory of %s: %w", p.cmd.Path, err)
	}
	return kb * 1024, nil
}
