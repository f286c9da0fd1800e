package main

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"spillway/e2e/ledger"
	"spillway/internal/demo"
)

// maxPush bounds a push request: the largest message in base64, and its envelope.
const maxPush = 16 << 20

// push is what is read of Pub/Sub's push format.
type push struct {
	Message struct {
		ID        string    `json:"messageId"`
		Published time.Time `json:"publishTime"`
	} `json:"message"`
	Subscription string `json:"subscription"`
}

// handler works on each message, reports it and then answers. A request that its worker gave up before the end of the
// work was not handled.
func handler(reporter *ledger.Reporter) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var p push
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxPush)).Decode(&p); err != nil || p.Message.ID == "" {
			http.Error(w, "not a push request with a messageId", http.StatusBadRequest)
			return
		}
		if !do(r.Context(), reporter.Work()) {
			return
		}
		d := demo.Delivery{ID: p.Message.ID, Published: p.Message.Published}
		if err := reporter.Handled(r.Context(), p.Subscription, d); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// do waits; false says that ctx ended first.
func do(ctx context.Context, work ledger.Work) bool {
	timer := time.NewTimer(work.Wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
