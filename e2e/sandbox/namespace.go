//go:build linux

package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// NewNetwork makes a network namespace. It lives as long as the file is open or a process is in it.
func NewNetwork() (*os.File, error) {
	var file *os.File
	err := onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("making a network namespace: %w", err)
		}
		var err error
		file, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	return file, err
}

// InNetwork calls what starts a process, so that the process is in the network namespace.
func InNetwork(network *os.File, start func() error) error {
	return onOwnThread(func() error {
		if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering a network namespace: %w", err)
		}
		return start()
	})
}

// InProcess calls what starts a process, so that the process is where another is: in its network, its PID and its mount
// namespace, as a command that is executed in a container.
func InProcess(pid int, start func() error) error {
	return onOwnThread(func() error {
		// A thread that shares its root with others cannot enter a mount namespace.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return fmt.Errorf("giving a thread a root of its own: %w", err)
		}
		handle, err := os.OpenFile(filepath.Join("/proc", strconv.Itoa(pid)), unix.O_PATH|syscall.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		defer func() { _ = handle.Close() }()
		for _, kind := range []struct {
			name string
			flag int
		}{{"net", unix.CLONE_NEWNET}, {"pid", unix.CLONE_NEWPID}, {"mnt", unix.CLONE_NEWNS}} {
			if err := enter(handle, kind.name, kind.flag); err != nil {
				return fmt.Errorf("entering the %s namespace of process %d: %w", kind.name, pid, err)
			}
		}
		return start()
	})
}

// enter moves the thread into one namespace of the process whose folder in /proc is open.
func enter(process *os.File, name string, flag int) error {
	fd, err := unix.Openat(int(process.Fd()), "ns/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Setns(fd, flag)
}

// onOwnThread calls f on a thread that ends with it, because its namespaces cannot be given back. It is never the
// process' first thread: that one cannot end, and /proc/self would show its namespaces.
func onOwnThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			done <- onOwnThread(f) // While this thread waits here, it cannot be the next one.
			runtime.UnlockOSThread()
			return
		}
		done <- f()
	}()
	return <-done
}
