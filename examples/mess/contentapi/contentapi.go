package contentapi

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"

	"spillway/examples/mess/product"
)

// Truth says what a part's data has to be at a version.
type Truth func(id string, kind product.Kind, version int64) string

// API is the stub, an http.Handler of one route. It is safe for concurrent use.
type API struct {
	truth Truth

	mu       sync.Mutex
	rnd      *rand.Rand
	failures float64
	products map[string]product.Product
	counts   Counts
	faults   []string
}

// Counts is what has come so far.
type Counts struct {
	// Requests were answered, Failed of them with an error.
	Requests, Failed int
	// Taken products were new or changed, Repeated ones were there before.
	Taken, Repeated int
	// Faults is how much was wrong: a product that is incomplete, or older than it was, or has another part's data.
	Faults int
}

// New returns an API that fails on a share of the requests, from 0 to below 1.
func New(truth Truth, failures float64, seed uint64) *API {
	return &API{
		truth: truth, failures: failures, products: map[string]product.Product{},
		rnd: rand.New(rand.NewPCG(seed, 1)), //nolint:gosec // The failures are to be repeatable.
	}
}

// bodyLimit bounds a request.
const bodyLimit = 8 << 20

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Products []product.Product `json:"products"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyLimit)).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch a.answer(body.Products) {
	case busy:
		w.WriteHeader(http.StatusServiceUnavailable)
	case later:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	case cut:
		panic(http.ErrAbortHandler)
	case ok:
	}
}

type answer int

const (
	ok    answer = iota
	busy         // 503; nothing was taken
	later        // 429 with Retry-After; nothing was taken
	cut          // everything was taken, and the sender does not learn of it
)

func (a *API) answer(products []product.Product) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts.Requests++
	what := ok
	if a.rnd.Float64() < a.failures {
		what = busy + answer(a.rnd.IntN(3))
		a.counts.Failed++
	}
	if what == ok || what == cut {
		for _, p := range products {
			a.take(p)
		}
	}
	return what
}

// take checks a product against what is known of it. A revision that was overtaken, as a slow connection may bring it,
// changes nothing. The lock is held.
func (a *API) take(p product.Product) {
	known := a.products[p.ID]
	if known.Revision >= p.Revision {
		a.counts.Repeated++
		return
	}
	a.counts.Taken++
	for _, kind := range product.Kinds() {
		part := p.Parts[kind]
		switch {
		case part.Version == 0:
			a.fault("%s is sent without its %s", p.ID, kind)
		case part.Version < known.Parts[kind].Version:
			a.fault("%s of %s goes back from version %d to %d", kind, p.ID, known.Parts[kind].Version, part.Version)
		case string(part.Data) != a.truth(p.ID, kind, part.Version):
			a.fault("%s of %s at version %d is %.80s", kind, p.ID, part.Version, part.Data)
		}
	}
	a.products[p.ID] = p
}

// fault notes what is wrong; the first few are kept.
func (a *API) fault(format string, args ...any) {
	if a.counts.Faults++; len(a.faults) < 10 {
		a.faults = append(a.faults, fmt.Sprintf(format, args...))
	}
}

// Counts returns what has come so far, and the first faults.
func (a *API) Counts() (Counts, []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.counts, append([]string(nil), a.faults...)
}

// Newest returns how many products are here whose every part has the version that newest gives.
func (a *API) Newest(newest func(id string, kind product.Kind) int64) (all, upToDate int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, p := range a.products {
		current := true
		for _, kind := range product.Kinds() {
			current = current && p.Parts[kind].Version == newest(id, kind)
		}
		if current {
			upToDate++
		}
	}
	return len(a.products), upToDate
}
