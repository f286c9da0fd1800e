//go:build linux

package sandbox_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spillway/e2e/sandbox"
)

func TestTheSandboxIsPrivate(t *testing.T) {
	if got := os.Getpid(); got != 1 {
		t.Errorf("process %d, want to be the first", got)
	}
	if got := os.Getuid(); got != 0 {
		t.Errorf("user %d, want to be root inside", got)
	}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	if len(links) != 1 || links[0].Name != "lo" {
		t.Errorf("the network has %v, want lo alone", links)
	}
}

func TestAProcessIsInItsNetwork(t *testing.T) {
	network, err := sandbox.NewNetwork()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = network.Close() }()
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}

	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "readlink", "/proc/self/ns/net")
	cmd.Stdout = &out
	if err := sandbox.InNetwork(network, cmd.Start); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(out.String()); got == own || !strings.HasPrefix(got, "net:[") {
		t.Errorf("the process is in %s, this test in %s", got, own)
	}
}

// shell returns a container that runs a script with the machine's shell.
func shell(t *testing.T, script string) sandbox.Container {
	t.Helper()
	return sandbox.Container{
		Root: t.TempDir(), Hostname: "pod-0", Machine: true, Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin", "COLOUR=blue"},
	}
}

// run runs the container and returns what it writes.
func run(t *testing.T, c sandbox.Container) (string, error) {
	t.Helper()
	cmd, err := c.Command()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func TestAContainerSeesWhatItWasGiven(t *testing.T) {
	volume := t.TempDir()
	if err := os.WriteFile(filepath.Join(volume, "key"), []byte("value"), 0o600); err != nil {
		t.Fatal(err)
	}
	hosts := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(hosts, []byte("127.0.0.1 localhost"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, script, want string }{
		{"it is the first process", "echo $$", "1"},
		{"its environment", "env | grep -v ^PWD | sort | tr '\\n' ' '", "COLOUR=blue PATH=/usr/bin:/bin"},
		{"its host name", "uname -n", "pod-0"},
		{"a volume, where the image has no such directory", "cat /etc/app/config/key", "value"},
		{"a file in the place of the machine's", "cat /etc/hosts", "127.0.0.1 localhost"},
		{"a read-only volume", "touch /etc/app/config/x 2>/dev/null || echo refused", "refused"},
		{"a volume that it may write to", "echo x >/data/x && cat /data/x", "x"},
		{"not the machine's files", "ls /root /home 2>/dev/null; ls -a / | grep -c -e ^root$ -e ^home$", "0"},
		{"its working directory", "pwd", "/data"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := shell(t, test.script)
			c.Dir = "/data"
			c.Mounts = []sandbox.Mount{
				{Source: volume, Target: "/etc/app/config", ReadOnly: true},
				{Source: hosts, Target: "/etc/hosts", ReadOnly: true},
				{Source: t.TempDir(), Target: "/data"},
			}
			got, err := run(t, c)
			if got != test.want {
				t.Errorf("it wrote %q, want %q (%v)", got, test.want, err)
			}
		})
	}
}

func TestARootCanBeReadOnly(t *testing.T) {
	c := shell(t, "touch /x 2>/dev/null || echo refused")
	c.ReadOnly = true
	if got, err := run(t, c); got != "refused" {
		t.Errorf("it wrote %q (%v)", got, err)
	}
}

func TestAnImageFromScratchHoldsItsProgramAlone(t *testing.T) {
	program, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	c := sandbox.Container{Root: t.TempDir(), Hostname: "x", Program: program, Args: []string{"/bin/sh"}}
	got, err := run(t, c)
	if err == nil || !strings.Contains(got, "/bin/sh: no such file") {
		t.Errorf("it wrote %q (%v), want that there is no shell", got, err)
	}
}

func TestACommandIsExecutedInAContainer(t *testing.T) {
	c := shell(t, "echo ready; read line")
	cmd, err := c.Command()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	defer func() { _ = stdin.Close() }()
	if _, err := stdout.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}

	var out bytes.Buffer
	inside := exec.CommandContext(t.Context(), "/bin/sh", "-c", "ls -a / | grep -c machine; test -d /proc/1 && cat /proc/1/comm")
	inside.Stdin, inside.Stdout, inside.Stderr = strings.NewReader(""), &out, &out
	if err := sandbox.InProcess(cmd.Process.Pid, inside.Start); err != nil {
		t.Fatal(err)
	}
	if err := inside.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if got, want := out.String(), "1\nsh\n"; got != want {
		t.Errorf("it wrote %q, want %q", got, want)
	}
}
