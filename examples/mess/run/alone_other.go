//go:build !linux

package main

import "syscall"

// alone keeps the terminal's Ctrl-C from a child.
func alone() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
