//go:build linux

package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// machine is where a container finds the machine's /etc, whose entries are linked from its own, so that volumes find a
// place between them.
const machine = "/.machine"

// build makes the container's file system.
func (c Container) build() error {
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("making the mounts private: %w", err)
	}
	if err := syscall.Mount("tmpfs", c.Root, "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mounting the root: %w", err)
	}
	steps := []func() error{c.devices, c.processes, c.system, c.program, c.volumes}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// devices gives the container the devices that every container has.
func (c Container) devices() error {
	for _, name := range []string{"null", "zero", "full", "random", "urandom"} {
		if err := c.bind(Mount{Source: "/dev/" + name, Target: "/dev/" + name}); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"} {
		if err := os.Symlink("/proc/self/fd"+target, c.path("/dev/"+name)); err != nil {
			return fmt.Errorf("linking /dev/%s: %w", name, err)
		}
	}
	return nil
}

// processes mounts the /proc of the container's PID namespace.
func (c Container) processes() error {
	if err := os.Mkdir(c.path("/proc"), 0o755); err != nil { //nolint:gosec // As in an image.
		return fmt.Errorf("making /proc: %w", err)
	}
	if err := syscall.Mount("proc", c.path("/proc"), "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	return nil
}

// certificates is where Go looks for the authorities that it trusts; an image from scratch brings them along.
const certificates = "/etc/ssl/certs/ca-certificates.crt"

// system gives the container the machine's programs and libraries, or the authorities alone.
func (c Container) system() error {
	if !c.Machine {
		if _, err := os.Stat(certificates); err != nil {
			return nil //nolint:nilerr // A machine without them has none to give.
		}
		return c.bind(Mount{Source: certificates, Target: certificates, ReadOnly: true})
	}
	for _, dir := range []string{"/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt"} {
		if err := c.share(dir); err != nil {
			return err
		}
	}
	if err := os.Mkdir(c.path("/tmp"), 0o777); err != nil { //nolint:gosec // As in an image.
		return fmt.Errorf("making /tmp: %w", err)
	}
	return c.configuration()
}

// share binds a top directory, or repeats it if it is a link.
func (c Container) share(dir string) error {
	if link, err := os.Readlink(dir); err == nil {
		return os.Symlink(link, c.path(dir))
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return c.bind(Mount{Source: dir, Target: dir, ReadOnly: true})
}

// configuration fills /etc with links into the machine's.
func (c Container) configuration() error {
	if err := c.bind(Mount{Source: "/etc", Target: machine + "/etc", ReadOnly: true}); err != nil {
		return err
	}
	if err := os.MkdirAll(c.path("/etc"), 0o755); err != nil { //nolint:gosec // As in an image.
		return fmt.Errorf("making /etc: %w", err)
	}
	entries, err := os.ReadDir("/etc")
	if err != nil {
		return fmt.Errorf("reading /etc: %w", err)
	}
	for _, entry := range entries {
		if err := os.Symlink(machine+"/etc/"+entry.Name(), c.path("/etc/"+entry.Name())); err != nil {
			return fmt.Errorf("linking /etc/%s: %w", entry.Name(), err)
		}
	}
	return nil
}

// program gives the container its program.
func (c Container) program() error {
	if c.Program == "" {
		return nil
	}
	return c.bind(Mount{Source: c.Program, Target: "/" + filepath.Base(c.Program), ReadOnly: true})
}

// volumes binds what the Pod brings along.
func (c Container) volumes() error {
	for _, mount := range c.Mounts {
		if err := c.bind(mount); err != nil {
			return err
		}
	}
	return nil
}

// path is where the container's path is before the root is pivoted.
func (c Container) path(inside string) string {
	return filepath.Join(c.Root, filepath.Join("/", inside))
}

// bind makes the mount point and mounts.
func (c Container) bind(m Mount) error {
	target := c.path(m.Target)
	if err := place(m.Source, target); err != nil {
		return fmt.Errorf("making the mount point %s: %w", m.Target, err)
	}
	if err := syscall.Mount(m.Source, target, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("mounting %s: %w", m.Target, err)
	}
	if !m.ReadOnly {
		return nil
	}
	flags, err := locked(target)
	if err != nil {
		return err
	}
	if err := syscall.Mount("", target, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY|flags, ""); err != nil {
		return fmt.Errorf("making %s read-only: %w", m.Target, err)
	}
	return nil
}

// place makes the mount point: a directory, or an empty file for a file. A link in its place, as those in /etc, goes.
func place(source, target string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if _, err := os.Readlink(target); err == nil {
		if err := os.Remove(target); err != nil {
			return err
		}
	}
	if info.IsDir() {
		return os.MkdirAll(target, 0o755) //nolint:gosec // As in an image.
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil { //nolint:gosec // As in an image.
		return err
	}
	file, err := os.OpenFile(target, os.O_CREATE|os.O_RDONLY, 0o644) //nolint:gosec // As in an image.
	if err != nil {
		return err
	}
	return file.Close()
}

// locked are the flags of a mount that a user namespace may not take away when it mounts anew.
func locked(path string) (uintptr, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(path, &stat); err != nil {
		return 0, fmt.Errorf("asking for the flags of a mount: %w", err)
	}
	const keep = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC | syscall.MS_NOATIME | syscall.MS_NODIRATIME | syscall.MS_RELATIME
	return uintptr(stat.Flags) & keep, nil //nolint:gosec // They are a set of bits.
}

// cutEnv returns the value of an environment's entry if it has this name.
func cutEnv(entry, name string) (string, bool) {
	key, value, ok := strings.Cut(entry, "=")
	return value, ok && key == name
}
