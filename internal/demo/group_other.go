//go:build unix && !linux

package demo

import "syscall"

// ownGroup puts a child into a process group of its own, so that Ctrl-C on the terminal reaches the demo alone, which
// ends its children in order. Only Linux also ends them when the demo is killed.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
