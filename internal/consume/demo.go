package consume

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"spillway/internal/lifecycle"
)

// The demonstration request takes 100 to 500 ms, so that a load of such requests has something to scale on.
const demoLeast, demoMost = 100 * time.Millisecond, 500 * time.Millisecond

// demo answers after a while with the time. It holds nothing but its connection meanwhile.
func demo(w http.ResponseWriter, r *http.Request) {
	if !lifecycle.Sleep(r.Context(), demoLeast+rand.N(demoMost-demoLeast)) { //nolint:gosec // A demonstration needs no secrecy.
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "Hello! Current time: %s\n", time.Now().Format(time.RFC3339))
}
