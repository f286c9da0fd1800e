//go:build linux

// Package sandbox moves a process and everything that it starts into private namespaces: user (unless it is root),
// network, PID and mount. Nothing in there clashes with the machine, nothing is reachable from outside, and all of it
// dies with the process.
package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/vishvananda/netlink"

	"spillway/internal/testenv"
)

// stage is the environment variable that tells a process which of its lives it lives.
const (
	stage          = "SPILLWAY_SANDBOX"
	stageInside    = "inside"
	stageContainer = "container"
)

// Enter runs this program again inside new namespaces, as their first process, and returns its exit code. The second
// process returns at once, inside: it goes on. It belongs at the beginning of TestMain, because a container too begins
// its life in it; see Container.
//
// Where the system refuses the namespaces, it says so on standard error with testenv.SkipMark and returns 0, or 1 where
// testenv.RequireVariable is 1.
func Enter() (code int, inside bool) {
	switch os.Getenv(stage) {
	case stageInside:
		if err := settle(); err != nil {
			return fail(os.Stderr, err), false
		}
		return 0, true
	case stageContainer:
		return fail(os.Stderr, runContainer()), false
	default:
		return again(), false
	}
}

// again runs this program in new namespaces. The thread must live as long as the child, which dies with it.
func again() int {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...) //nolint:gosec,noctx // This very program; it ends itself.
	cmd.Env = append(os.Environ(), stage+"="+stageInside)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = private()
	if err := cmd.Start(); err != nil {
		return refused(os.Stderr, err)
	}
	err := cmd.Wait()
	if exit := (&exec.ExitError{}); errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode()
	} else if err != nil {
		return fail(os.Stderr, err)
	}
	return 0
}

// private are the namespaces. A user other than root needs a user namespace to own the others, in which it is root.
func private() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGKILL,
	}
	if uid := os.Getuid(); uid != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	return attr
}

// settle makes the mounts private and /proc that of the new PID namespace, and brings up the loopback.
func settle() error {
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("making the mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("finding the loopback: %w", err)
	}
	if err := netlink.LinkSetUp(loopback); err != nil {
		return fmt.Errorf("bringing up the loopback: %w", err)
	}
	return nil
}

// refused says that this machine cannot do it.
func refused(to io.Writer, err error) int {
	cure := "run as root, or allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0"
	if os.Getuid() == 0 {
		cure = "root in a container needs one that is privileged"
	}
	reason := fmt.Sprintf("this system refuses private namespaces (%v); %s", err, cure)
	if os.Getenv(testenv.RequireVariable) == "1" {
		return fail(to, fmt.Errorf("%s=1 forbids to skip: %s", testenv.RequireVariable, reason))
	}
	_, _ = fmt.Fprintln(to, testenv.SkipMark+reason)
	return 0
}

// fail writes the error and returns the exit code of a failure.
func fail(to io.Writer, err error) int {
	_, _ = fmt.Fprintln(to, "sandbox:", err)
	return 1
}
