// Package kube reads from the cluster who scales on what: which HorizontalPodAutoscalers ask for a subscription's metrics,
// and which pods they scale.
//
//	HPAs ── watch ── asks ──── wants       the subscriptions to read
//	                  ├─────── Events      what cannot be answered, in plain words, once
//	                  └─────── targets     scale subresource ── selector ── pods
//
// The cluster may be slow, restart or refuse: then what was seen last stays, and the exporter runs on.
package kube
