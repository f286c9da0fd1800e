//go:build linux

package network

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// setUp gives the Pod's end its address and its route.
func setUp(port *Port, address netip.Addr) error {
	handle, err := netlink.NewHandleAt(netns.NsHandle(port.Namespace.Fd()))
	if err != nil {
		return fmt.Errorf("opening the namespace of %s: %w", port.name, err)
	}
	defer handle.Close()
	eth0, err := handle.LinkByName("eth0")
	if err != nil {
		return fmt.Errorf("finding eth0 of %s: %w", port.name, err)
	}
	lo, err := handle.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("finding lo of %s: %w", port.name, err)
	}
	parsed, err := netlink.ParseAddr(netip.PrefixFrom(address, Bits).String())
	if err != nil {
		return fmt.Errorf("reading the address %s: %w", address, err)
	}
	if err := errors.Join(handle.AddrAdd(eth0, parsed), handle.LinkSetUp(lo), handle.LinkSetUp(eth0)); err != nil {
		return fmt.Errorf("setting up %s: %w", port.name, err)
	}
	if err := handle.RouteAdd(&netlink.Route{LinkIndex: eth0.Attrs().Index, Gw: Gateway().AsSlice()}); err != nil {
		return fmt.Errorf("routing %s: %w", port.name, err)
	}
	return nil
}
