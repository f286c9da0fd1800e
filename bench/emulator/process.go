package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const startBound = 30 * time.Second

// process is a server under test.
type process struct {
	cmd  *exec.Cmd
	conn *grpc.ClientConn
}

// start runs a server on a free port until ctx is done or stop is called. arguments makes them for a host and a port.
func start(ctx context.Context, binary string, arguments func(host, port string) []string) (*process, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("reading the free address: %w", err)
	}
	p := &process{cmd: exec.CommandContext(ctx, binary, arguments(host, port)...)} //nolint:gosec // the program is what is measured
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}                        // a start script's children end with it
	p.cmd.Cancel = p.kill
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", binary, err)
	}
	p.conn, err = grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(4*window),
		grpc.WithReadBufferSize(ioBuffer), grpc.WithWriteBufferSize(ioBuffer),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err == nil {
		err = waitForPort(ctx, address)
	}
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

func startSpillway(ctx context.Context, binary string) (*process, error) {
	return start(ctx, binary, func(host, port string) []string {
		return []string{"emulator", "--log-level=error", "--listen=" + net.JoinHostPort(host, port)}
	})
}

// errNoOfficial says that the official emulator is not installed.
var errNoOfficial = errors.New("the official emulator is missing")

// startOfficial runs the Cloud SDK's emulator.
func startOfficial(ctx context.Context) (*process, error) {
	for _, program := range []string{"java", "gcloud"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoOfficial, err)
		}
	}
	root, err := exec.CommandContext(ctx, "gcloud", "info", "--format=value(installation.sdk_root)").Output()
	if err != nil {
		return nil, fmt.Errorf("asking gcloud where the Cloud SDK is: %w", err)
	}
	script := filepath.Join(strings.TrimSpace(string(root)), "platform", "pubsub-emulator", "bin", "cloud-pubsub-emulator")
	if _, err := exec.LookPath(script); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoOfficial, err)
	}
	return start(ctx, script, func(host, port string) []string { return []string{"--host=" + host, "--port=" + port} })
}

func (p *process) kill() error { return syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }

// stop ends the server and waits until it has ended.
func (p *process) stop() error {
	if p.conn != nil {
		_ = p.conn.Close()
	}
	err := p.kill()
	_ = p.cmd.Wait() // a killed program ends with an error, always
	return err
}

// resident is the server's VmRSS in bytes.
func (p *process) resident() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading the server's memory: %w", err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kb, err := strconv.ParseFloat(strings.Fields(after + " ?")[0], 64)
	if err != nil {
		return 0, fmt.Errorf("reading the server's memory: %w", err)
	}
	return kb * 1024, nil
}

// cpu is the processor time that the server's threads have used.
func (p *process) cpu() (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading the server's processor time: %w", err)
	}
	var sum time.Duration
	for _, file := range files {
		stat, err := os.ReadFile(file) //nolint:gosec // below /proc
		if err != nil {
			return 0, fmt.Errorf("reading the server's processor time: %w", err)
		}
		nanoseconds, err := strconv.ParseInt(strings.Fields(string(stat) + " ?")[0], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the server's processor time: %w", err)
		}
		sum += time.Duration(nanoseconds)
	}
	return sum, nil
}

func freeAddress(ctx context.Context) (string, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	return ln.Addr().String(), ln.Close()
}

func waitForPort(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startBound)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the server: %w", err)
		case <-ticker.C:
		}
	}
}
