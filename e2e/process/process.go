// Package process runs long-lived programs: it starts them, keeps what they write, waits until they are ready, kills them
// and starts them again.
package process

import (
	"context"
	"errors"
	"time"
)

// Spec says how a process is run.
type Spec struct {
	Name string   // names its log
	Path string   // the program
	Args []string // its arguments
	Env  []string // its environment; nothing is inherited but PATH
	// Ready is asked until it returns nil. nil means: ready when it runs.
	Ready func(context.Context) error
	// ReadyWithin bounds the start. 0 means 2 minutes.
	ReadyWithin time.Duration
}

// Process is a program that can be ended and started again. Its methods may be called concurrently.
type Process struct{}

// Name is the name of the Spec.
func (p *Process) Name() string { return "" }

// LogPath is the file that holds what the process has written, over all its starts.
func (p *Process) LogPath() string { return "" }

// Running says whether it runs, and since its last start has not ended.
func (p *Process) Running() bool { return false }

// PID is the process' number, or 0 if it does not run.
func (p *Process) PID() int { return 0 }

// Start starts it again after it has ended, and returns when it is ready. While it runs, Start does nothing.
func (p *Process) Start(context.Context) error { return errors.ErrUnsupported }

// Kill ends it with SIGKILL, as a crash does, and returns when it has ended.
func (p *Process) Kill() {}

// Stop ends it with SIGTERM, and with SIGKILL if it still runs after the grace period. It returns when it has ended.
func (p *Process) Stop(grace time.Duration) {}
