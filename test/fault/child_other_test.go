//go:build !linux

package fault_test

import "syscall"

// child is nothing special here: a process that outlives a test that was
// killed has to be ended by hand.
func child() *syscall.SysProcAttr { return nil }
