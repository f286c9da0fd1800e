//go:build linux

package services

import (
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// service returns a Service of the namespace shop.
func service(name, address string, ports ...core.ServicePort) *core.Service {
	return &core.Service{ObjectMeta: meta.ObjectMeta{Namespace: "shop", Name: name}, Spec: core.ServiceSpec{ClusterIP: address, Ports: ports}}
}

// slice returns a slice of a Service's endpoints, with one port.
func slice(service string, port discovery.EndpointPort, endpoints ...discovery.Endpoint) *discovery.EndpointSlice {
	return &discovery.EndpointSlice{
		ObjectMeta:  meta.ObjectMeta{Namespace: "shop", Labels: map[string]string{discovery.LabelServiceName: service}},
		AddressType: discovery.AddressTypeIPv4, Ports: []discovery.EndpointPort{port}, Endpoints: endpoints,
	}
}

func endpoint(ready *bool, addresses ...string) discovery.Endpoint {
	return discovery.Endpoint{Addresses: addresses, Conditions: discovery.EndpointConditions{Ready: ready}}
}

func TestTheTableSaysWhatTheObjectsSay(t *testing.T) {
	web := discovery.EndpointPort{Name: new("web"), Port: new(int32(8080))}
	table := newTable(
		[]*core.Service{
			service("worker", "10.96.0.7", core.ServicePort{Name: "web", Port: 80}, core.ServicePort{Name: "udp", Port: 90, Protocol: core.ProtocolUDP}),
			service("alone", "10.96.0.8", core.ServicePort{Port: 443}),
			service("headless", core.ClusterIPNone, core.ServicePort{Name: "web", Port: 80}),
			service("elsewhere", "", core.ServicePort{Port: 80}),
		},
		[]*discovery.EndpointSlice{
			slice("worker", web, endpoint(new(true), "10.244.1.2"), endpoint(new(false), "10.244.1.3"), endpoint(nil, "10.244.1.4")),
			slice("worker", web, endpoint(new(true), "10.244.2.2")),
			slice("worker", discovery.EndpointPort{Name: new("other"), Port: new(int32(1))}, endpoint(new(true), "10.244.9.9")),
			slice("headless", web, endpoint(new(true), "10.244.1.2"), endpoint(new(false), "10.244.1.3")),
			slice("unknown", web, endpoint(new(true), "10.244.9.9")),
		},
	)
	backends := map[string][]string{}
	for f, list := range table.backends {
		backends[f.address.String()] = list
	}
	if diff := cmp.Diff(map[string][]string{
		"10.96.0.7:80":  {"10.244.1.2:8080", "10.244.1.4:8080", "10.244.2.2:8080"},
		"10.96.0.8:443": nil,
	}, backends); diff != "" {
		t.Errorf("back ends (-want +got):\n%s", diff)
	}
	names := map[string][]string{}
	for name, list := range table.names {
		names[name] = []string{}
		for _, address := range list {
			names[name] = append(names[name], address.String())
		}
	}
	if diff := cmp.Diff(map[string][]string{
		"worker.shop.svc.cluster.local.":    {"10.96.0.7"},
		"alone.shop.svc.cluster.local.":     {"10.96.0.8"},
		"headless.shop.svc.cluster.local.":  {"10.244.1.2"},
		"elsewhere.shop.svc.cluster.local.": {},
	}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestAPortWithoutANameFindsItsEndpoints(t *testing.T) {
	table := newTable([]*core.Service{service("one", "10.96.0.7", core.ServicePort{Port: 80})},
		[]*discovery.EndpointSlice{slice("one", discovery.EndpointPort{Name: new(""), Port: new(int32(8080))}, endpoint(nil, "10.244.1.2"))})
	got := slices.Collect(maps.Values(table.backends))
	if diff := cmp.Diff([][]string{{"10.244.1.2:8080"}}, got); diff != "" {
		t.Errorf("back ends (-want +got):\n%s", diff)
	}
}

func FuzzDNS(f *testing.F) {
	names := map[string][]netip.Addr{"a.b.": {netip.MustParseAddr("10.96.0.7")}}
	f.Add([]byte{})
	f.Add([]byte("\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x01b\x00\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, question []byte) {
		if len(question) > dnsSize {
			t.Skip()
		}
		reply, err := answer(question, names)
		if (err == nil) != (len(reply) > 0) {
			t.Errorf("%d bytes and %v", len(reply), err)
		}
	})
}
