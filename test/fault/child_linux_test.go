package fault_test

import "syscall"

// child makes a process end with this one, in whatever way this one ends.
func child() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
