package idtoken

import (
	"context"
	"crypto"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"spillway/internal/lifecycle"
)

// GoogleKeys is where Google publishes the keys that it signs tokens with.
const GoogleKeys = "https://www.googleapis.com/oauth2/v3/certs"

const (
	// unknownEvery is how often an unknown key may cause a read beyond the regular ones: anybody can invent key IDs.
	unknownEvery = 30 * time.Second
	// retryEvery is how soon a failed read is repeated.
	retryEvery = 10 * time.Second
	// readLimit bounds one read.
	readLimit = 5 * time.Second
	// The regular reads. Google's document says how long it may be kept, 5 to 6 hours.
	defaultKeep, minKeep, maxKeep = time.Hour, 5 * time.Minute, 24 * time.Hour
)

// Keys are the public keys in a file or behind a URL, kept in memory. Run reads them again before they are out of date, and an
// unknown key ID does so at once, at most every 30 s. While they cannot be read, those read last go on being used. Keys are safe
// for concurrent use.
type Keys struct {
	source string
	log    *zap.Logger

	reading chan struct{} // held by the one that reads

	mu   sync.RWMutex
	byID map[string]crypto.PublicKey // nil before the first read; replaced, never changed
	keep time.Duration
	last time.Time // when the last read ended
	err  error     // of the last read
}

// NewKeys returns the keys at source, the path of a file or an http or https URL. Nothing is read before Run or Key.
func NewKeys(source string, log *zap.Logger) *Keys {
	return &Keys{source: source, log: log, reading: make(chan struct{}, 1), keep: retryEvery}
}

// Run reads the keys now and from time to time, until ctx is done.
func (k *Keys) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case k.reading <- struct{}{}:
		}
		k.read(ctx)
		<-k.reading
		if !lifecycle.Sleep(ctx, k.wait()) {
			return nil
		}
	}
}

// wait is how long until the next regular read.
func (k *Keys) wait() time.Duration {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.err != nil {
		return retryEvery
	}
	return k.keep
}

// Key implements KeySource. A key that is known costs no read, so it does not wait for one.
func (k *Keys) Key(ctx context.Context, id string) (crypto.PublicKey, error) {
	key, known := k.lookup(id)
	if key == nil && id != "" {
		k.refresh(ctx, id)
		key, known = k.lookup(id)
	}
	switch {
	case key != nil:
		return key, nil
	case !known:
		return nil, ErrNoKeys
	}
	return nil, refused("it is signed with an unknown key")
}

// lookup returns the key, or nil, and whether any keys are known.
func (k *Keys) lookup(id string) (key crypto.PublicKey, known bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.byID[id], k.byID != nil
}

// refresh reads the keys for an unknown ID, unless that has just been done. The read serves everybody who waits for it, so it
// outlives the request that began it.
func (k *Keys) refresh(ctx context.Context, wanted string) {
	select {
	case k.reading <- struct{}{}:
		defer func() { <-k.reading }()
	case <-ctx.Done():
		return
	}
	if k.due(wanted) {
		k.read(context.WithoutCancel(ctx))
	}
}

// read reads the keys. One reads at a time.
func (k *Keys) read(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	keys, keep, err := load(ctx, k.source)
	if errors.Is(ctx.Err(), context.Canceled) { // The worker stops.
		return
	}
	k.note(keys, keep, err)
}

// due reports whether an unknown key may cause a read.
func (k *Keys) due(wanted string) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.byID[wanted] != nil {
		return false
	}
	every := unknownEvery
	if k.err != nil {
		every = retryEvery
	}
	return k.last.IsZero() || time.Since(k.last) >= every
}

// note keeps the outcome of a read. Keys that are no longer published are no longer good; a failed read changes nothing.
func (k *Keys) note(keys map[string]crypto.PublicKey, keep time.Duration, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.log.Warn("reading the keys of push tokens failed; those read before stay in use", zap.Error(err), zap.Int("keys", len(k.byID)))
	} else {
		k.log.Debug("read the keys of push tokens", zap.Int("keys", len(keys)), zap.Duration("keep", keep))
		k.byID, k.keep = keys, keep
	}
	k.last, k.err = time.Now(), err
}
