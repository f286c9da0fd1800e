//go:build linux

package services

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"go.uber.org/zap"
	"golang.org/x/net/dns/dnsmessage"
)

const (
	dnsPort = 53
	// dnsSize is the largest question; answers of Services are far smaller.
	dnsSize = 512
	// dnsLives is how long an answer holds, in seconds, as CoreDNS has it for a cluster.
	dnsLives = 5
)

// serveDNS answers questions for the cluster's names until the context is done.
func (s *Services) serveDNS(ctx context.Context, address netip.Addr) error {
	if err := s.network.AddService(address); err != nil {
		return err
	}
	conn, err := new(net.ListenConfig).ListenPacket(ctx, "udp", netip.AddrPortFrom(address, dnsPort).String())
	if err != nil {
		return fmt.Errorf("listening for DNS: %w", err)
	}
	s.tasks.Go(func() {
		<-ctx.Done()
		_ = conn.Close()
		if err := s.network.RemoveService(address); err != nil {
			s.log.Error("the DNS server's address stays", zap.Error(err))
		}
	})
	s.tasks.Go(func() { s.answerAll(ctx, conn) })
	return nil
}

// answerAll answers until the connection is closed.
func (s *Services) answerAll(ctx context.Context, conn net.PacketConn) {
	buffer := make([]byte, dnsSize)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.log.Error("the DNS server reads nothing more", zap.Error(err))
			return
		}
		reply, err := answer(buffer[:n], s.table.Load().names)
		if err != nil {
			s.log.Debug("a DNS question is not understood", zap.Error(err))
			continue
		}
		if _, err := conn.WriteTo(reply, from); err != nil {
			s.log.Debug("a DNS answer is not sent", zap.Error(err))
		}
	}
}

// answer answers one question. A name that is known has addresses for the type A and none for any other; one that is not
// known does not exist.
func answer(question []byte, names map[string][]netip.Addr) ([]byte, error) {
	var message dnsmessage.Message
	if err := message.Unpack(question); err != nil {
		return nil, fmt.Errorf("reading a DNS question: %w", err)
	}
	if len(message.Questions) != 1 {
		return nil, fmt.Errorf("reading a DNS question: there are %d, not 1", len(message.Questions))
	}
	asked := message.Questions[0]
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: message.ID, Response: true, Authoritative: true, RecursionDesired: message.RecursionDesired},
		Questions: message.Questions,
	}
	addresses, ok := names[strings.ToLower(asked.Name.String())]
	if !ok {
		reply.RCode = dnsmessage.RCodeNameError
	}
	if asked.Type == dnsmessage.TypeA {
		for _, address := range addresses {
			reply.Answers = append(reply.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: asked.Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: dnsLives},
				Body:   &dnsmessage.AResource{A: address.As4()},
			})
		}
	}
	packed, err := reply.Pack()
	if err != nil {
		return nil, fmt.Errorf("writing a DNS answer: %w", err)
	}
	return packed, nil
}
