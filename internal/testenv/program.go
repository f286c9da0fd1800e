package testenv

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// mainVariable makes a test binary run its package's main instead of its tests.
const mainVariable = "SPILLWAY_TEST_MAIN"

// programBound is how long any program of a test may take to serve or to end.
const programBound = 2 * time.Minute

// Main is the TestMain of a command's package: it runs the tests or, in a process that Start made, the command itself,
// so that the tests run the real program with the race detector in it.
func Main(m *testing.M, main func()) {
	if os.Getenv(mainVariable) == "1" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Program is a running command.
type Program struct {
	cmd     *exec.Cmd
	serving chan string   // the address of the log entry "serving"
	ended   chan struct{} // closed when the program has ended
	mu      sync.Mutex
	stdout  bytes.Buffer
	stderr  bytes.Buffer
}

// Start runs the command of this test binary's package. env is added to the environment without the variables that
// would lead to a cloud. The program is killed at the latest when the test ends.
func Start(t testing.TB, env []string, args ...string) *Program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatalf("finding the test binary: %v", err)
	}
	return StartBinary(t, self, append([]string{mainVariable + "=1"}, env...), args...)
}

// StartBinary is Start for a program that was built before.
func StartBinary(t testing.TB, path string, env []string, args ...string) *Program {
	t.Helper()
	p := &Program{serving: make(chan string, 1), ended: make(chan struct{})}
	p.cmd = exec.Command(path, args...) //nolint:gosec,noctx // A test names the program; the cleanup ends it.
	p.cmd.Env = append([]string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "GCE_METADATA_HOST=127.0.0.1:9"}, env...)
	p.cmd.Stdout = &locked{p: p, to: &p.stdout}
	p.cmd.SysProcAttr = ownGroup()
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatalf("opening the program's standard error: %v", err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting the program: %v", err)
	}
	go p.follow(stderr)
	t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
	})
	return p
}

// follow reads standard error to its end, notes the serving address, and waits for the program.
func (p *Program) follow(stderr io.Reader) {
	defer close(p.ended)
	lines := bufio.NewScanner(io.TeeReader(stderr, &locked{p: p, to: &p.stderr}))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var entry struct{ Message, Address string }
		if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Message == "serving" {
			p.serving <- entry.Address
		}
	}
	_ = p.cmd.Wait() // The exit code is in cmd.ProcessState.
}

// locked lets the test read what the program has written so far.
type locked struct {
	p  *Program
	to *bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	return l.to.Write(b)
}

// Stdout returns what the program has written to standard output so far.
func (p *Program) Stdout() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stdout.String()
}

// Stderr returns what the program has written to standard error so far.
func (p *Program) Stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// Address waits until the program serves and returns its host:port.
func (p *Program) Address(t testing.TB) string {
	t.Helper()
	select {
	case addr := <-p.serving:
		return addr
	case <-p.ended:
		t.Fatalf("the program ended before it served: %s", p.Stderr())
	case <-time.After(programBound):
		t.Fatalf("the program does not serve: %s", p.Stderr())
	}
	return ""
}

// Running says whether the program has not ended yet.
func (p *Program) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Signal sends a signal to the program.
func (p *Program) Signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("sending %s: %v", s, err)
	}
}

// Wait waits until the program has ended and returns its exit code.
func (p *Program) Wait(t testing.TB) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(programBound):
		t.Fatalf("the program does not end: %s", p.Stderr())
	}
	return p.cmd.ProcessState.ExitCode()
}
