//go:build linux

package services_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"spillway/e2e/network"
	"spillway/e2e/process"
	"spillway/e2e/sandbox"
	"spillway/e2e/services"
)

func TestMain(m *testing.M) {
	if code, inside := sandbox.Enter(); !inside {
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

// echo serves on a port of the sandbox: it answers each connection with what it says at its end.
func echo(t *testing.T) int32 {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "10.244.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			said, _ := io.ReadAll(conn)
			_, _ = conn.Write(said)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return int32(listener.Addr().(*net.TCPAddr).Port)
}

// say sends a text to a Service, ends its half, and returns the answer.
func say(ctx context.Context, address, text string) (string, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, text); err != nil {
		return "", err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

func TestAServiceHasAnAddressAndAName(t *testing.T) {
	n, err := network.New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = n.Close() }()
	port := echo(t)
	endpoints := &discovery.EndpointSlice{
		ObjectMeta:  meta.ObjectMeta{Namespace: "shop", Name: "worker-1", Labels: map[string]string{discovery.LabelServiceName: "worker"}},
		AddressType: discovery.AddressTypeIPv4, Ports: []discovery.EndpointPort{{Name: new(""), Port: &port}},
		Endpoints: []discovery.Endpoint{{Addresses: []string{"10.244.0.1"}}},
	}
	client := fake.NewClientset(&core.Service{
		ObjectMeta: meta.ObjectMeta{Namespace: "shop", Name: "worker"}, Spec: core.ServiceSpec{ClusterIP: "10.96.0.7", Ports: []core.ServicePort{{Port: 80}}},
	}, endpoints)
	dns := netip.MustParseAddr("10.96.0.10")
	s, err := services.Start(t.Context(), client, n, dns, zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", dns.String()+":"+strconv.Itoa(53))
	}}

	if err := process.Eventually(ctx, nil, func(ctx context.Context) error {
		answer, err := say(ctx, "10.96.0.7:80", "hello")
		if err == nil && answer != "hello" {
			err = fmt.Errorf("it answers %q", answer)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	addresses, err := resolver.LookupHost(ctx, "worker.shop.svc.cluster.local")
	if err != nil || len(addresses) != 1 || addresses[0] != "10.96.0.7" {
		t.Errorf("its name has %v, %v", addresses, err)
	}
	if _, err := resolver.LookupHost(ctx, "nobody.shop.svc.cluster.local"); !isNotFound(err) {
		t.Errorf("a name that nobody has: %v", err)
	}

	// Without a ready endpoint a connection is closed at once; without the Service there is nobody to connect to.
	endpoints.Endpoints = nil
	if _, err := client.DiscoveryV1().EndpointSlices("shop").Update(ctx, endpoints, meta.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := process.Eventually(ctx, nil, func(ctx context.Context) error {
		if answer, err := say(ctx, "10.96.0.7:80", "hello"); err == nil && answer == "hello" {
			return errors.New("it still answers")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := client.CoreV1().Services("shop").Delete(ctx, "worker", meta.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := process.Eventually(ctx, nil, func(ctx context.Context) error {
		if _, err := resolver.LookupHost(ctx, "worker.shop.svc.cluster.local"); !isNotFound(err) {
			return fmt.Errorf("its name is still known: %w", err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func isNotFound(err error) bool {
	unknown, ok := errors.AsType[*net.DNSError](err)
	return ok && unknown.IsNotFound
}
