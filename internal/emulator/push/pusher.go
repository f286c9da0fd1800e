package push

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"go.uber.org/zap"

	"spillway/internal/emulator/broker"
	"spillway/internal/lifecycle"
)

// maxAnswer is how much of an answer's body is read so that its connection can be used again, in bytes.
const maxAnswer = 64 << 10

// pusher pushes one subscription, each message by the configuration that it finds. Its fields belong to run's goroutine.
type pusher struct {
	sub    *broker.Subscription
	client *http.Client
	signer *Signer
	log    *zap.Logger
	window window
}

// run pushes until ctx is done or the subscription ends.
func (p *pusher) run(ctx context.Context) {
	stream, err := p.sub.Open(broker.Push, broker.Limits{}, 0)
	if err != nil {
		return
	}
	defer stream.Close()
	var group sync.WaitGroup
	defer group.Wait()
	results := make(chan result, maxWindow) // never blocks: no more requests run than that
	inFlight := 0
	for {
		if free := p.window.size() - inFlight; free > 0 && p.pause(ctx) {
			for _, m := range stream.Next(nil, free, maxBatchBytes) {
				inFlight++
				round := p.window.round
				group.Go(func() { results <- result{round: round, acked: p.deliver(ctx, m)} })
			}
		}
		wake := stream.Wake()
		if inFlight >= p.window.size() {
			wake = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-stream.Done():
			return
		case <-wake:
		case r := <-results:
			inFlight--
			p.note(r)
		}
	}
}

// maxBatchBytes is about how many payload bytes are taken at a time.
const maxBatchBytes = 32 << 20

// result is how one request ended.
type result struct {
	round int
	acked bool
}

func (p *pusher) note(r result) {
	if r.acked {
		p.window.success()
		return
	}
	p.window.failure(r.round)
}

// pause waits for the end of the back-off; false means that ctx was done before.
func (p *pusher) pause(ctx context.Context) bool {
	return lifecycle.Sleep(ctx, p.window.backoff())
}

// deliver posts one message and settles it; true means acknowledged.
func (p *pusher) deliver(ctx context.Context, m broker.Delivery) bool {
	config := p.sub.Config()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(config.GetAckDeadlineSeconds())*time.Second)
	defer cancel()
	req, err := newRequest(ctx, config, m)
	if err == nil {
		err = p.authorize(req, config.GetPushConfig())
	}
	if err == nil && p.post(req) {
		_, err = p.sub.Acknowledge([]broker.AckID{m.AckID})
		return err == nil
	}
	if err != nil {
		p.log.Debug("a message cannot be pushed", zap.String("subscription", p.sub.Name()), zap.Error(err))
	}
	_, _ = p.sub.ModifyAckDeadline([]broker.Change{{ID: m.AckID}}) // a subscription that has ended needs no nack
	return false
}

// authorize adds the token that the configuration asks for.
func (p *pusher) authorize(req *http.Request, config *pubsubpb.PushConfig) error {
	token, err := p.signer.token(config)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return err
}

func (p *pusher) post(req *http.Request) bool {
	res, err := p.client.Do(req)
	if err != nil {
		p.log.Debug("pushing failed", zap.String("subscription", p.sub.Name()), zap.Error(err))
		return false
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer)
	switch res.StatusCode {
	case http.StatusProcessing, http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return true
	}
	return false
}
