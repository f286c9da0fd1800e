package main

import "syscall"

// alone keeps the terminal's Ctrl-C from a child, and lets no child outlive this program.
func alone() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
