package ledger

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"spillway/internal/demo"
)

// The paths of a Server.
const (
	handledPath = "/handled"
	workPath    = "/work"
)

// Work is what an app does with each message before it reports it.
type Work struct {
	// Wait is how long a message waits for others, as for a database.
	Wait time.Duration `json:"wait"`
}

// Server keeps the ledgers of one cluster, one for each flow: POST /handled?flow=NAME takes the reports of the apps, and
// GET /work tells them what to do with a message, as the answer to every report does. It is safe for concurrent use.
type Server struct {
	mux http.ServeMux

	mu      sync.Mutex
	work    Work
	ledgers map[string]*demo.Ledger
}

// NewServer returns a server without entries.
func NewServer(work Work) *Server {
	s := &Server{work: work, ledgers: map[string]*demo.Ledger{}}
	s.mux.HandleFunc("POST "+handledPath, s.takeHandled)
	s.mux.HandleFunc("GET "+workPath, s.tellWork)
	return s
}

// SetWork changes the work. An app learns of it with the answer to its next report.
func (s *Server) SetWork(w Work) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.work = w
}

// Flow returns the ledger of a flow; the first question makes it. A flow is named as the subscription that the push
// requests speak of, projects/P/subscriptions/S.
func (s *Server) Flow(name string) *demo.Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.ledgers[name]
	if l == nil {
		l = demo.NewLedger()
		s.ledgers[name] = l
	}
	return l
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Server) takeHandled(w http.ResponseWriter, r *http.Request) {
	deliveries, err := readLines(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l, now := s.Flow(r.URL.Query().Get("flow")), time.Now()
	for _, d := range deliveries {
		l.Handled(d, now)
	}
	s.tellWork(w, r)
}

// readLines reads a whole report, so that a broken one is not noted in part.
func readLines(body io.Reader) ([]demo.Delivery, error) {
	var deliveries []demo.Delivery
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		d, err := parseLine(lines.Text())
		if err != nil {
			return nil, err
		}
		deliveries = append(deliveries, d)
	}
	return deliveries, lines.Err()
}

func (s *Server) tellWork(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	work := s.work
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(work)
}
