package page

import (
	"fmt"
	"net/http"
	"time"
)

const (
	// maxStreams bounds how many pages are open at once.
	maxStreams = 32
	// A reader that takes longer than this for one event is cut; its browser comes back by itself.
	writeLimit = 10 * time.Second
	// retry is how long a browser waits until it comes back.
	retry = time.Second
)

// stream sends the history and then every change, until the reader leaves or the show is over.
func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		http.Error(w, "too many pages are open; close one", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	if _, err := fmt.Fprintf(w, "retry: %d\n\n", retry.Milliseconds()); err != nil {
		return
	}
	var c cursor
	for {
		changed, over := s.board.waiting()
		name, data := s.board.next(&c)
		_ = out.SetWriteDeadline(time.Now().Add(writeLimit))
		err := writeEvent(w, name, data)
		if err == nil && over != "" {
			err = writeEvent(w, "over", map[string]string{"summary": over})
		}
		if err != nil || out.Flush() != nil || over != "" {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}
