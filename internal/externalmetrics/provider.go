// Package externalmetrics serves external.metrics.k8s.io/v1beta1 over the exporter's readings.
package externalmetrics

import (
	_ "k8s.io/apiserver/pkg/server"
	_ "k8s.io/client-go/scale"
	_ "k8s.io/component-base/version"
	_ "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	_ "k8s.io/metrics/pkg/client/external_metrics"
	_ "sigs.k8s.io/custom-metrics-apiserver/pkg/cmd"
)
