//go:build linux

package network_test

import (
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"spillway/e2e/network"
	"spillway/e2e/sandbox"
)

func TestMain(m *testing.M) {
	if code, inside := sandbox.Enter(); !inside {
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

// in runs a shell script in a Pod's network and returns what it writes.
func in(t *testing.T, port *network.Port, script string) string {
	t.Helper()
	var out strings.Builder
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := sandbox.InNetwork(port.Namespace, cmd.Start); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	return out.String()
}

// greet serves a greeting at an address of the sandbox.
func greet(t *testing.T, address, greeting string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, greeting)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
}

func TestPodsReachTheSandboxEachOtherAndServices(t *testing.T) {
	n, err := network.New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := network.New(); err == nil || !strings.Contains(err.Error(), "one cluster at a time") {
		t.Errorf("a second network: %v", err)
	}
	service := netip.MustParseAddr("10.96.0.7")
	for _, err := range []error{n.AddNode(network.Node(1)), n.AddService(service)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	a, err := n.Plug(network.Pod(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	b, err := n.Plug(network.Pod(1, 3))
	if err != nil {
		t.Fatal(err)
	}
	greet(t, "10.244.0.1:70", "the bridge")
	greet(t, "10.244.0.11:70", "the node")
	greet(t, "10.96.0.7:70", "the service")

	const read = "exec 3<>/dev/tcp/%/70 && cat <&3"
	for address, want := range map[string]string{"10.244.0.1": "the bridge", "10.244.0.11": "the node", "10.96.0.7": "the service"} {
		if got := in(t, a, strings.ReplaceAll(read, "%", address)); got != want {
			t.Errorf("a Pod reads %q at %s, want %q", got, address, want)
		}
	}
	if got := in(t, a, "exec 3<>/dev/tcp/10.244.1.3/70"); !strings.Contains(got, "refused") {
		t.Errorf("a Pod that asks another one at a closed port reads %q, want that the other's kernel refuses", got)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := n.RemoveService(service); err != nil {
		t.Error(err)
	}
	if got := in(t, a, "timeout 0.2 bash -c 'exec 3<>/dev/tcp/10.96.0.7/70' || echo gone"); got != "gone\n" {
		t.Errorf("a Service that is gone answers %q", got)
	}
}

// TestTheBridgeKeepsItsAddress: a bridge takes the lowest address of its ports unless it was given one, and those who know the one before talk to
// nobody until they ask again, for seconds in which a cluster looks dead.
func TestTheBridgeKeepsItsAddress(t *testing.T) {
	n, err := network.New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}()
	hardware := func() string {
		link, err := net.InterfaceByName("pods0")
		if err != nil {
			t.Fatal(err)
		}
		return link.HardwareAddr.String()
	}
	before := hardware()
	for host := 2; host < 34; host++ {
		port, err := n.Plug(network.Pod(1, host))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = port.Close() }()
		if now := hardware(); now != before {
			t.Fatalf("with %d ports it is %s, before it was %s", host-1, now, before)
		}
	}
}
