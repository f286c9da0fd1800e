package push

import "time"

// SetReadLimit shortens the time in which a body must have come.
func (h *Handler) SetReadLimit(d time.Duration) { h.readLimit = d }
