package sender

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"spillway/examples/mess/product"
)

// Outbox is where products wait that have to be sent.
type Outbox interface {
	// Changed signals that there may be some.
	Changed() <-chan struct{}
	// Pending returns up to limit of them.
	Pending(limit int) ([]product.Product, error)
	// Sent notes that they were taken as they are given.
	Sent(products []product.Product) error
}

// Sender is one sender; a second one beside it could overtake it with an older revision.
type Sender struct {
	// URL is the Content API's.
	URL string
	// Client bounds a request by its Timeout.
	Client *http.Client
	// Limit bounds the requests in a second.
	Limit *rate.Limiter
	// Batch is how many products a request has at most.
	Batch  int
	Outbox Outbox
	Log    *zap.Logger

	sent, failed atomic.Int64
}

// Counts returns how many products the Content API has taken, and how many requests had to be repeated.
func (s *Sender) Counts() (sent, failed int64) { return s.sent.Load(), s.failed.Load() }

// Run sends until ctx is done, or the outbox fails.
func (s *Sender) Run(ctx context.Context) error {
	for {
		products, err := s.Outbox.Pending(s.Batch)
		if err != nil {
			return err
		}
		if len(products) == 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-s.Outbox.Changed():
				continue
			}
		}
		if err := s.send(ctx, products); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // Being told to stop is no failure, and the products stay in the outbox.
			}
			return err
		}
		if err := s.Outbox.Sent(products); err != nil {
			return err
		}
		s.sent.Add(int64(len(products)))
	}
}

// send posts the batch until it is taken.
func (s *Sender) send(ctx context.Context, products []product.Product) error {
	body, err := json.Marshal(struct {
		Products []product.Product `json:"products"`
	}{products})
	if err != nil {
		return fmt.Errorf("writing a batch: %w", err)
	}
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		if err := s.Limit.Wait(ctx); err != nil {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, s.post(ctx, body)
	}, backoff.WithBackOff(pauses()), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, pause time.Duration) {
		s.failed.Add(1)
		s.Log.Debug("the Content API did not take a batch", zap.Error(err), zap.Duration("pause", pause))
	}))
	return err
}

// pauses grow from 50 ms to 5 s, jittered.
func pauses() *backoff.ExponentialBackOff {
	p := backoff.NewExponentialBackOff()
	p.InitialInterval, p.MaxInterval = 50*time.Millisecond, 5*time.Second
	return p
}

// answerLimit bounds how much of an answer is read.
const answerLimit = 64 << 10

func (s *Sender) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		return backoff.Permanent(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return err
	}
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		return errors.Join(backoff.RetryAfter(min(seconds, 60)), fmt.Errorf("%s", resp.Status))
	}
	return fmt.Errorf("%s: %.200s", resp.Status, text)
}
