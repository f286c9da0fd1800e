//go:build linux

package services

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"spillway/e2e/network"
)

// Services follows the cluster's Services and their endpoints.
type Services struct {
	network *network.Network
	log     *zap.Logger
	table   atomic.Pointer[table]
	cancel  context.CancelFunc
	tasks   sync.WaitGroup

	// Used by apply's goroutine, and by Close after it.
	listeners map[frontend]*proxy
	addresses map[netip.Addr]bool
}

// settle is how long changes are gathered before they are applied. kube-proxy waits a second at least between two.
const settle = 20 * time.Millisecond

// Start serves the Services, and their names at dns, port 53, until Close. An outage of the API server leaves everything
// as it was.
func Start(ctx context.Context, client kubernetes.Interface, n *network.Network, dns netip.Addr, log *zap.Logger) (*Services, error) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Services{network: n, log: log, cancel: cancel, listeners: map[frontend]*proxy{}, addresses: map[netip.Addr]bool{}}
	s.table.Store(&table{})
	if err := s.serveDNS(running, dns); err != nil {
		cancel()
		return nil, err
	}
	changed := make(chan struct{}, 1)
	announce := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { announce() }, UpdateFunc: func(any, any) { announce() }, DeleteFunc: func(any) { announce() },
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	services, slices := factory.Core().V1().Services(), factory.Discovery().V1().EndpointSlices()
	_, first := services.Informer().AddEventHandler(handler)
	_, second := slices.Informer().AddEventHandler(handler)
	if err := errors.Join(first, second); err != nil {
		s.Close()
		return nil, fmt.Errorf("following the Services: %w", err)
	}
	factory.Start(running.Done())
	s.tasks.Go(func() {
		<-running.Done()
		factory.Shutdown()
	})
	s.tasks.Go(func() {
		s.follow(running, changed, func() error {
			listed, err := services.Lister().List(labels.Everything())
			if err != nil {
				return err
			}
			endpoints, err := slices.Lister().List(labels.Everything())
			if err != nil {
				return err
			}
			s.apply(running, newTable(listed, endpoints))
			return nil
		})
	})
	return s, nil
}

// Close ends it, with every connection, and returns when all has ended.
func (s *Services) Close() {
	s.cancel()
	s.tasks.Wait()
	for _, open := range s.listeners {
		open.close()
	}
	s.give(nil)
}

// follow applies what has changed until the context is done.
func (s *Services) follow(ctx context.Context, changed <-chan struct{}, apply func() error) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		timer := time.NewTimer(settle)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if err := apply(); err != nil {
			s.log.Error("the Services are not applied", zap.Error(err))
		}
	}
}

// apply opens and closes front ends until they are what the table says.
func (s *Services) apply(ctx context.Context, t table) {
	s.table.Store(&t)
	wanted := map[netip.Addr]bool{}
	for f := range t.backends {
		wanted[f.address.Addr()] = true
	}
	for f, open := range s.listeners {
		if _, ok := t.backends[f]; !ok {
			open.close()
			delete(s.listeners, f)
		}
	}
	s.give(wanted)
	for f := range t.backends {
		if _, ok := s.listeners[f]; ok {
			continue
		}
		open, err := s.listen(ctx, f)
		if err != nil {
			s.log.Error("a Service is not reachable", zap.Stringer("address", f.address), zap.Error(err))
			continue
		}
		s.listeners[f] = open
	}
}

// give gives the sandbox the addresses and takes away all others.
func (s *Services) give(wanted map[netip.Addr]bool) {
	for address := range s.addresses {
		if !wanted[address] {
			if err := s.network.RemoveService(address); err != nil {
				s.log.Error("a Service's address stays", zap.Error(err))
			}
			delete(s.addresses, address)
		}
	}
	for address := range wanted {
		if s.addresses[address] {
			continue
		}
		if err := s.network.AddService(address); err != nil {
			s.log.Error("a Service has no address", zap.Error(err))
			continue
		}
		s.addresses[address] = true
	}
}
