//go:build linux

package node

import (
	"context"
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// A Pod that vanishes while it is probed answers no SYN, as a listener does not whose queue is full.
func TestAProbeThatGivesUpLeavesNoDialBehind(t *testing.T) {
	defer goleak.VerifyNone(t)
	port := listenerWithAFullQueue(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := (&container{}).get(ctx, &core.HTTPGetAction{Host: "127.0.0.1", Port: intstr.FromInt(port), Path: "/livez"})
	if err == nil || ctx.Err() == nil {
		t.Errorf("got %v, want the probe to give up", err)
	}
}

// listenerWithAFullQueue returns a port at which connections hang.
func listenerWithAFullQueue(t *testing.T) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := name.(*syscall.SockaddrInet4).Port //nolint:forcetypeassert // It was bound to one.
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for range 8 {
		conn, err := net.DialTimeout("tcp", address, 200*time.Millisecond) //nolint:noctx // It is bounded.
		if err != nil {
			return port
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Fatal("the queue takes 8 connections")
	return 0
}
