package httpserver

import (
	"fmt"
	"net/http"
	"strings"
)

// Check is one named condition of liveness or readiness. Test returns nil when it holds, else why it does not; it must
// answer at once and be safe for concurrent use.
type Check struct {
	Name string
	Test func() error
}

// Health answers 200 when every check holds and 503 otherwise, with a line per check either way.
func Health(checks ...Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status := http.StatusOK
		var body strings.Builder
		for _, c := range checks {
			if err := c.Test(); err != nil {
				status = http.StatusServiceUnavailable
				fmt.Fprintf(&body, "%s: %v\n", c.Name, err)
				continue
			}
			fmt.Fprintf(&body, "%s: ok\n", c.Name)
		}
		if body.Len() == 0 {
			body.WriteString("ok\n")
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body.String()))
	})
}
