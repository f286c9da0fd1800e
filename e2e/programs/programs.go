// Package programs knows where the programs are that a cluster is made of. `make e2e-build` builds them.
package programs

// Own returns the path of one of the project's own programs, by its folder in cmd: worker, backlog-exporter, spillway. They
// are linked statically, as in their images.
func Own(name string) (string, error) { return "", nil }

// ControlPlane returns the path of the multi-call binary of etcd and Kubernetes.
func ControlPlane() (string, error) { return "", nil }

// PrometheusAdapter returns the path of prometheus-adapter.
func PrometheusAdapter() (string, error) { return "", nil }

// MetricsServer returns the path of metrics-server.
func MetricsServer() (string, error) { return "", nil }
