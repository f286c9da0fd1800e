//go:build linux

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// discoveryAddress is where Prometheus asks for targets.
const discoveryAddress = Address + ":9099"

// discovery serves the cluster's Pods as Prometheus' http_sd_config wants them.
type discovery struct {
	server *http.Server
	tasks  sync.WaitGroup
}

// startDiscovery serves until close. While the API server is away the answer is an error, and Prometheus keeps the targets
// that it has.
func startDiscovery(ctx context.Context, client kubernetes.Interface, log *zap.Logger) (*discovery, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", discoveryAddress)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", discoveryAddress, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pods", func(w http.ResponseWriter, r *http.Request) {
		pods, err := client.CoreV1().Pods(core.NamespaceAll).List(r.Context(), meta.ListOptions{})
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(targets(pods.Items)); err != nil {
			log.Debug("an answer is not sent", zap.Error(err))
		}
	})
	d := &discovery{server: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}}
	d.tasks.Go(func() {
		if err := d.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the discovery has ended", zap.Error(err))
		}
	})
	return d, nil
}

func (d *discovery) close() {
	_ = d.server.Close()
	d.tasks.Wait()
}

// target is a group of one target, as http_sd wants it.
type target struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// targets lists the declared ports of the Pods that have an address. Pods that have ended are left out, as
// kubernetes_sd_configs does not: relabelings drop them there.
func targets(pods []core.Pod) []target {
	out := []target{}
	for _, pod := range pods {
		if pod.Status.PodIP == "" || pod.Status.Phase == core.PodSucceeded || pod.Status.Phase == core.PodFailed {
			continue
		}
		// A sidecar is an init container.
		for _, c := range append(append([]core.Container{}, pod.Spec.Containers...), pod.Spec.InitContainers...) {
			for _, port := range c.Ports {
				labels := podLabels(pod)
				number := strconv.Itoa(int(port.ContainerPort))
				labels[podPrefix+"container_name"] = c.Name
				labels[podPrefix+"container_image"] = c.Image
				labels[podPrefix+"container_port_name"] = port.Name
				labels[podPrefix+"container_port_number"] = number
				labels[podPrefix+"container_port_protocol"] = string(port.Protocol)
				out = append(out, target{Targets: []string{net.JoinHostPort(pod.Status.PodIP, number)}, Labels: labels})
			}
		}
	}
	return out
}

const podPrefix = "__meta_kubernetes_pod_"

// podLabels are the labels that every target of a Pod has.
func podLabels(pod core.Pod) map[string]string {
	ready := string(core.ConditionUnknown)
	for _, condition := range pod.Status.Conditions {
		if condition.Type == core.PodReady {
			ready = string(condition.Status)
		}
	}
	labels := map[string]string{
		"__meta_kubernetes_namespace": pod.Namespace,
		podPrefix + "name":            pod.Name,
		podPrefix + "ip":              pod.Status.PodIP,
		podPrefix + "host_ip":         pod.Status.HostIP,
		podPrefix + "node_name":       pod.Spec.NodeName,
		podPrefix + "phase":           string(pod.Status.Phase),
		podPrefix + "ready":           strings.ToLower(ready),
		podPrefix + "uid":             string(pod.UID),
	}
	for _, owner := range pod.OwnerReferences {
		if owner.Controller != nil && *owner.Controller {
			labels[podPrefix+"controller_kind"], labels[podPrefix+"controller_name"] = owner.Kind, owner.Name
		}
	}
	for kind, values := range map[string]map[string]string{"label": pod.Labels, "annotation": pod.Annotations} {
		for key, value := range values {
			labels[podPrefix+kind+"_"+labelName(key)] = value
			labels[podPrefix+kind+"present_"+labelName(key)] = "true"
		}
	}
	return labels
}

// labelName makes a Prometheus label name of a Kubernetes one.
func labelName(key string) string {
	return regexp.MustCompile(`[^a-zA-Z0-9_]`).ReplaceAllString(key, "_")
}
