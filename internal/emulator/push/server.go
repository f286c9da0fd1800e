package push

import (
	"context"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"spillway/internal/emulator/broker"
)

// lookPeriod is how soon a new or changed push configuration takes effect.
const lookPeriod = 100 * time.Millisecond

// Server pushes for every subscription that has an endpoint.
type Server struct {
	broker *broker.Broker
	client *http.Client
	signer *Signer
	log    *zap.Logger
}

// New makes a server whose tokens signer signs; Run lets it work.
func New(b *broker.Broker, signer *Signer, log *zap.Logger) *Server {
	transport := &http.Transport{MaxIdleConnsPerHost: maxWindow, IdleConnTimeout: time.Minute}
	return &Server{broker: b, signer: signer, log: log, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// running is a subscription that is being pushed.
type running struct {
	stop context.CancelFunc
	done <-chan struct{} // closed when the pusher has ended
}

func (r running) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// Run pushes until ctx is done, and returns when every request has ended.
func (s *Server) Run(ctx context.Context) error {
	defer s.client.CloseIdleConnections()
	var group sync.WaitGroup
	defer group.Wait()
	pushed := map[*broker.Subscription]running{}
	ticker := time.NewTicker(lookPeriod)
	defer ticker.Stop()
	for {
		s.reconcile(ctx, &group, pushed)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// reconcile starts what should run and stops what should not.
func (s *Server) reconcile(ctx context.Context, group *sync.WaitGroup, pushed map[*broker.Subscription]running) {
	wanted := map[*broker.Subscription]bool{}
	for _, sub := range s.broker.Subscriptions("") {
		config := sub.Config()
		wanted[sub] = config.GetPushConfig().GetPushEndpoint() != "" && !config.GetDetached()
	}
	for sub, r := range pushed {
		if !wanted[sub] || r.ended() {
			r.stop()
			delete(pushed, sub)
		}
	}
	for sub, want := range wanted {
		if _, ok := pushed[sub]; !want || ok {
			continue
		}
		own, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		pushed[sub] = running{stop: stop, done: done}
		p := &pusher{sub: sub, client: s.client, signer: s.signer, log: s.log}
		group.Go(func() {
			defer close(done)
			p.run(own)
		})
	}
}
