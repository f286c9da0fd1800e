package demo

import "syscall"

// ownGroup puts a child into a process group of its own, so that Ctrl-C on the terminal reaches the demo alone, which
// ends its children in order; should the demo be killed, the kernel kills them too.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
