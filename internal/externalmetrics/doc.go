// Package externalmetrics serves external.metrics.k8s.io/v1beta1, which HorizontalPodAutoscalers read, over the board.
//
//	request ── TLS ── who is it (delegated) ── may he (delegated) ── provider ── ours:   ask ── board ── items or an error
//	                                                                          └─ others: delegate adapter, as ourselves
//
// What is unknown, absent or partial is an error, so that an autoscaler holds: never 0, and never an empty list. The
// library behind it is the API servers' own (k8s.io/apiserver with sigs.k8s.io/custom-metrics-apiserver).
package externalmetrics
