//go:build linux

package services

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
)

// domain is the cluster's.
const domain = "cluster.local."

// frontend is where a Service's port is listened on.
type frontend struct{ address netip.AddrPort }

// table is what the objects say: the back ends of each front end, and the addresses of each name. It is not changed once
// it is made.
type table struct {
	backends map[frontend][]string
	names    map[string][]netip.Addr // fully qualified, in lower case
}

// newTable makes the table of the objects. Services without an address of their own have the addresses of their ready
// endpoints under their names, and no front end. Ports other than TCP are left out.
func newTable(services []*core.Service, slices []*discovery.EndpointSlice) table {
	bySlice := map[string][]*discovery.EndpointSlice{}
	for _, slice := range slices {
		key := slice.Namespace + "/" + slice.Labels[discovery.LabelServiceName]
		bySlice[key] = append(bySlice[key], slice)
	}
	t := table{backends: map[frontend][]string{}, names: map[string][]netip.Addr{}}
	for _, service := range services {
		own := bySlice[service.Namespace+"/"+service.Name]
		name := strings.ToLower(service.Name + "." + service.Namespace + ".svc." + domain)
		address, err := netip.ParseAddr(service.Spec.ClusterIP)
		if err != nil { // Headless, or an external name.
			t.names[name] = readyAddresses(own)
			continue
		}
		t.names[name] = []netip.Addr{address}
		for _, port := range service.Spec.Ports {
			if port.Protocol == core.ProtocolTCP || port.Protocol == "" {
				t.backends[frontend{netip.AddrPortFrom(address, uint16(port.Port))}] = backends(own, port.Name) //nolint:gosec // The API server bounds ports.
			}
		}
	}
	return t
}

// backends are the ready endpoints of a port, which the slices know by its name.
func backends(slices []*discovery.EndpointSlice, name string) []string {
	var out []string
	for _, slice := range slices {
		for _, port := range slice.Ports {
			if port.Port == nil || (port.Name != nil && *port.Name != name) || (port.Name == nil && name != "") {
				continue
			}
			for _, address := range ready(slice) {
				out = append(out, net.JoinHostPort(address, strconv.Itoa(int(*port.Port))))
			}
		}
	}
	return out
}

// readyAddresses are the addresses of all ready endpoints.
func readyAddresses(slices []*discovery.EndpointSlice) []netip.Addr {
	var out []netip.Addr
	for _, slice := range slices {
		for _, text := range ready(slice) {
			if address, err := netip.ParseAddr(text); err == nil {
				out = append(out, address)
			}
		}
	}
	return out
}

// ready are the addresses of a slice's ready endpoints. One that does not say is ready.
func ready(slice *discovery.EndpointSlice) []string {
	if slice.AddressType != discovery.AddressTypeIPv4 {
		return nil
	}
	var out []string
	for _, endpoint := range slice.Endpoints {
		if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
			out = append(out, endpoint.Addresses...)
		}
	}
	return out
}
