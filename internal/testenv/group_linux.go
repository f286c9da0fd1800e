package testenv

import "syscall"

// ownGroup puts a program into a process group of its own. Should the test binary die without its cleanups, as on a
// time-out, the kernel kills the program too.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
