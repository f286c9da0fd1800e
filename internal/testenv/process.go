package testenv

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// watched runs "$@" and kills it as soon as standard input ends. That also happens when the test binary dies without
// its cleanups, as on a time-out, so that no server outlives it. A background job's own input is empty, hence the 3.
const watched = `exec 3<&0; "$@" & p=$!; { cat <&3; kill -9 $p; } >/dev/null 2>&1 & wait $p`

// outputDelay bounds the wait for output that a killed program's children still hold open.
const outputDelay = 5 * time.Second

// process is a program in a process group of its own.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer     // open as long as the program may run
	ended chan struct{} // closed when the program has ended; output may be read from then on
	// output is all that the program wrote.
	output bytes.Buffer
	once   sync.Once
}

// startProcess runs a program in dir with one more environment variable. Call kill to end it.
func startProcess(dir, env, name string, args ...string) (*process, error) {
	p := &process{ended: make(chan struct{})}
	// No context: the test's own ends before the cleanups, which still need the program. The cleanup ends it.
	p.cmd = exec.Command("sh", append([]string{"-c", watched, "sh", name}, args...)...) //nolint:gosec,noctx // a test names the program; kill ends it
	p.cmd.Dir = dir
	p.cmd.Env = append(p.cmd.Environ(), env)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = outputDelay
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("opening the input of %s: %w", name, err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // a killed program ends with an error, always
	}()
	return p, nil
}

// kill ends the whole process group and waits until it has ended. Further calls do nothing.
func (p *process) kill() {
	p.once.Do(func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) })
	<-p.ended
}
