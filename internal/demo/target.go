package demo

import (
	"encoding/json"
	"net/http"
	"time"

	"spillway/internal/lifecycle"
)

// maxPush bounds a push request: the largest message in base64, and its envelope.
const maxPush = 16 << 20

// push is what is read of Pub/Sub's push format.
type push struct {
	Message struct {
		ID        string    `json:"messageId"`
		Published time.Time `json:"publishTime"`
	} `json:"message"`
}

// target is the service behind the workers, each of which posts under its own name: each request takes the work's time, is
// noted in the ledger and answered 204. A request that its worker gave up before the end of the work was not handled.
func target(ledger *Ledger, b *bench) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var p push
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxPush)).Decode(&p); err != nil {
			http.Error(w, "not a push request: "+err.Error(), http.StatusBadRequest)
			return
		}
		if p.Message.ID == "" {
			http.Error(w, "not a push request: no messageId", http.StatusBadRequest)
			return
		}
		worker := r.PathValue("worker")
		ledger.Began(p.Message.ID)
		if !lifecycle.Sleep(r.Context(), b.begin(worker)) {
			b.end(worker, false)
			return
		}
		ledger.Handled(Delivery{ID: p.Message.ID, Published: p.Message.Published}, time.Now())
		b.end(worker, true)
		w.WriteHeader(http.StatusNoContent)
	})
}
