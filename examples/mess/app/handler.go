package main

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"spillway/examples/mess/product"
	"spillway/examples/mess/store"
)

// bodyLimit bounds a request: Pub/Sub's largest message, base64, and room for its attributes.
const bodyLimit = 16 << 20

// delivery is a request of a push subscription, or of a worker: https://cloud.google.com/pubsub/docs/push#receive_push
type delivery struct {
	Message struct {
		Data      []byte `json:"data"` // base64
		MessageID string `json:"messageId"`
	} `json:"message"`
}

// database is where updates go.
type database interface {
	Apply(kind product.Kind, messageID string, u product.Update) (store.Outcome, error)
}

// counter says what was sent on.
type counter interface {
	Counts() (sent, failed int64)
}

// handler takes updates. Its answer is the message's fate.
type handler struct {
	db   database
	out  counter
	work time.Duration
	log  *zap.Logger

	applied, late, repeated, refused atomic.Int64
}

func newHandler(db database, out counter, work time.Duration, log *zap.Logger) http.Handler {
	h := &handler{db: db, out: out, work: work, log: log}
	mux := http.NewServeMux()
	for _, kind := range product.Kinds() {
		mux.HandleFunc("POST /"+string(kind), func(w http.ResponseWriter, r *http.Request) { h.take(w, r, kind) })
	}
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /stats", h.stats)
	return mux
}

// take applies an update. What will never be one is a dead letter; what cannot be written now comes again.
func (h *handler) take(w http.ResponseWriter, r *http.Request, kind product.Kind) {
	var d delivery
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyLimit)).Decode(&d); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	u, err := product.ParseUpdate(d.Message.Data)
	if err != nil {
		h.refused.Add(1)
		w.Header().Set("Spillway-Verdict", "dead-letter; "+err.Error())
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	select {
	case <-time.After(h.work):
	case <-r.Context().Done():
		return // Nobody waits for an answer.
	}
	outcome, err := h.db.Apply(kind, d.Message.MessageID, u)
	if err != nil {
		h.log.Error("an update was not written", zap.Error(err))
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	switch outcome {
	case store.Applied:
		h.applied.Add(1)
	case store.Late:
		h.late.Add(1)
	case store.Repeated:
		h.repeated.Add(1)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *handler) stats(w http.ResponseWriter, _ *http.Request) {
	sent, failed := h.out.Counts()
	_ = json.NewEncoder(w).Encode(map[string]int64{ // The client may have gone.
		"applied": h.applied.Load(), "late": h.late.Load(), "repeated": h.repeated.Load(), "refused": h.refused.Load(),
		"sent": sent, "requests_repeated": failed,
	})
}
