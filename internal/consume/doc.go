// Package consume is the worker: it streams a flow's messages, hands them to the handler, settles them by the verdict,
// drains cleanly, and serves health and metrics.
package consume
