package demo

import "syscall"

// ownGroup puts a child into a process group of its own. The demo does not run there, because Windows has no SIGTERM to end its
// children with: Validate refuses it. The rest of the program does.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
