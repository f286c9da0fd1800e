//go:build linux

// Package network is the cluster's network inside the sandbox: a bridge that every Pod's namespace is plugged into.
//
//	machine's network namespace (the sandbox's)          a Pod's
//	lo      127.0.0.1, one address of every Service
//	bridge  10.244.0.1/16, the addresses of the nodes
//	  pNUMBER ------------------------------------------ eth0  10.244.N.x/16, default route via 10.244.0.1
package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"

	"github.com/vishvananda/netlink"

	"spillway/e2e/sandbox"
)

const bridgeName = "pods0"

// Bits is the length of the network's prefix: every address of a node and a Pod is in 10.244.0.0/16.
const Bits = 16

// Gateway returns the address of the bridge.
func Gateway() netip.Addr { return netip.AddrFrom4([4]byte{10, 244, 0, 1}) }

// Node returns the address of a node, from 1 on.
func Node(number int) netip.Addr { return Pod(0, 10+number) }

// Pod returns an address of a node's Pods. The host is from 2 to 254.
func Pod(node, host int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 244, byte(node), byte(host)}) //nolint:gosec // Both are below 256.
}

// Network is the bridge and what is plugged in. There is one in a sandbox. Its methods may be called concurrently.
type Network struct {
	mu     sync.Mutex
	bridge netlink.Link
	number int // of the last port
}

// New makes the bridge.
func New() (*Network, error) {
	// With an address of its own, because it would else take the lowest of its ports' and change it as they come and go.
	hardware := append(net.HardwareAddr{0x02, 0}, Gateway().AsSlice()...) // 02: given locally, to one interface.
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName, HardwareAddr: hardware}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return nil, fmt.Errorf("making the bridge %s: %w (one cluster at a time fits into a sandbox)", bridgeName, err)
	}
	n := &Network{bridge: bridge}
	if err := errors.Join(n.AddNode(Gateway()), up(bridgeName)); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// Close removes the bridge. The Pods must be unplugged before.
func (n *Network) Close() error {
	if err := netlink.LinkDel(n.bridge); err != nil {
		return fmt.Errorf("removing the bridge: %w", err)
	}
	return nil
}

// AddNode gives the bridge an address.
func (n *Network) AddNode(address netip.Addr) error {
	return change(netlink.AddrAdd, bridgeName, address, Bits)
}

// RemoveNode takes the address away.
func (n *Network) RemoveNode(address netip.Addr) error {
	return change(netlink.AddrDel, bridgeName, address, Bits)
}

// AddService gives the sandbox the address of a Service, which Pods reach over their default route.
func (n *Network) AddService(address netip.Addr) error {
	return change(netlink.AddrAdd, "lo", address, address.BitLen())
}

// RemoveService takes the address away.
func (n *Network) RemoveService(address netip.Addr) error {
	return change(netlink.AddrDel, "lo", address, address.BitLen())
}

// change adds an address to a link or deletes it.
func change(do func(netlink.Link, *netlink.Addr) error, name string, address netip.Addr, bits int) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("finding the link %s: %w", name, err)
	}
	parsed, err := netlink.ParseAddr(netip.PrefixFrom(address, bits).String())
	if err != nil {
		return fmt.Errorf("reading the address %s: %w", address, err)
	}
	if err := do(link, parsed); err != nil {
		return fmt.Errorf("changing the addresses of %s by %s: %w", name, address, err)
	}
	return nil
}

func up(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("finding the link %s: %w", name, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bringing up the link %s: %w", name, err)
	}
	return nil
}

// Port is a Pod's place in the network. Its namespace is open until Close.
type Port struct {
	Namespace *os.File
	name      string // of the machine's end
}

// Plug makes a network namespace with an address of its own.
func (n *Network) Plug(address netip.Addr) (*Port, error) {
	n.mu.Lock()
	n.number++
	name := "p" + strconv.Itoa(n.number)
	n.mu.Unlock()
	namespace, err := sandbox.NewNetwork()
	if err != nil {
		return nil, err
	}
	port := &Port{Namespace: namespace, name: name}
	if err := errors.Join(n.connect(port), setUp(port, address)); err != nil {
		return nil, errors.Join(err, port.Close())
	}
	return port, nil
}

// connect makes the pair of links, one end in the bridge and one in the namespace.
func (n *Network) connect(port *Port) error {
	pair := &netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: port.name, MasterIndex: n.bridge.Attrs().Index},
		PeerName:      "eth0",
		PeerNamespace: netlink.NsFd(int(port.Namespace.Fd())),
	}
	if err := netlink.LinkAdd(pair); err != nil {
		return fmt.Errorf("plugging in %s: %w", port.name, err)
	}
	return up(port.name)
}

// Close removes the Pod's end and the machine's. The processes in it should have ended.
func (p *Port) Close() error {
	var errs []error
	if link, err := netlink.LinkByName(p.name); err == nil {
		errs = append(errs, netlink.LinkDel(link))
	}
	return errors.Join(append(errs, p.Namespace.Close())...)
}
