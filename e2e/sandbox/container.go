//go:build linux

package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Container says what a container sees and runs.
type Container struct {
	Root     string   // an empty directory of this machine, where its file system is built
	Hostname string   // its host name
	Program  string   // the program of this machine that it sees as /NAME
	Machine  bool     // it sees the machine's /usr, /bin, /lib, /opt and /etc too
	Mounts   []Mount  // its volumes and files, in order
	ReadOnly bool     // its root file system is read-only
	Dir      string   // its working directory; empty means /
	Args     []string // what it executes: the path in the container, or a name in PATH, and arguments
	Env      []string // its environment
}

// Mount is a directory or file of this machine that a container sees.
type Mount struct {
	Source   string // on this machine
	Target   string // in the container; it is made where it is missing
	ReadOnly bool
}

// variable hands the Container to the process that becomes it.
const variable = stage + "_CONTAINER"

// Command returns a command that becomes the container: the first process of PID, mount, IPC and UTS namespaces of its
// own. It ends with exit code 128 and a line on standard error if it cannot. The caller of Enter starts it.
func (c Container) Command() (*exec.Cmd, error) {
	encoded, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encoding a container: %w", err)
	}
	cmd := exec.Command("/proc/self/exe") //nolint:noctx // It runs until its node ends it.
	cmd.Env = []string{stage + "=" + stageContainer, variable + "=" + string(encoded)}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Setpgid:    true,
	}
	return cmd, nil
}

// runContainer turns this process into the container that its environment describes. It returns only with an error.
func runContainer() error {
	var c Container
	if err := json.Unmarshal([]byte(os.Getenv(variable)), &c); err != nil {
		return fmt.Errorf("reading the container: %w", err)
	}
	if len(c.Args) == 0 {
		return errors.New("the container has nothing to execute")
	}
	if err := syscall.Sethostname([]byte(c.Hostname)); err != nil {
		return fmt.Errorf("naming the host: %w", err)
	}
	if err := c.build(); err != nil {
		return err
	}
	if err := c.pivot(); err != nil {
		return err
	}
	if err := os.Chdir(filepath.Join("/", c.Dir)); err != nil {
		return fmt.Errorf("entering the working directory: %w", err)
	}
	path, err := lookUp(c.Args[0], c.Env)
	if err != nil {
		return err
	}
	if err := syscall.Exec(path, c.Args, c.Env); err != nil { //nolint:gosec // That is what a container is.
		return fmt.Errorf("executing %s: %w", path, err)
	}
	return nil
}

// pivot makes the built file system the root and forgets the machine's.
func (c Container) pivot() error {
	if err := os.Chdir(c.Root); err != nil {
		return fmt.Errorf("entering the root: %w", err)
	}
	// The old root is stacked upon the new one, and the detach uncovers it.
	if err := syscall.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivoting the root: %w", err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return fmt.Errorf("detaching the machine's root: %w", err)
	}
	if c.ReadOnly {
		if err := syscall.Mount("", "/", "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("making the root read-only: %w", err)
		}
	}
	return nil
}

// lookUp finds a program in the PATH of the container's environment.
func lookUp(name string, env []string) (string, error) {
	for _, entry := range env {
		if value, ok := cutEnv(entry, "PATH"); ok {
			if err := os.Setenv("PATH", value); err != nil {
				return "", fmt.Errorf("setting PATH: %w", err)
			}
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("finding the program: %w", err)
	}
	return path, nil
}
