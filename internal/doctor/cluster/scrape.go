package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// MaxPage bounds a page of metrics, in bytes; that of 10,000 subscriptions has a quarter of it.
const MaxPage = 64 << 20

// exporterLabel is what the shipped manifests put on the exporter's Services.
const exporterLabel = "app.kubernetes.io/name=backlog-exporter"

// Service is a Service of the exporter with the name of its metrics port; the port is empty when it has none.
type Service struct{ Namespace, Name, Port string }

// String returns namespace/name.
func (s Service) String() string { return s.Namespace + "/" + s.Name }

// Exporters lists the exporter's Services of all namespaces; those with a metrics port come first. The error is the API's.
func (c *Client) Exporters(ctx context.Context) ([]Service, error) {
	found, err := list[corev1.Service](ctx, c, core("services"), metav1.NamespaceAll, exporterLabel)
	if err != nil {
		return nil, fmt.Errorf("listing the exporter's services: %w", err)
	}
	var with, without []Service
	for i := range found {
		s := Service{Namespace: found[i].Namespace, Name: found[i].Name}
		for _, port := range found[i].Spec.Ports {
			if port.Name == "metrics" || port.Name == "http" {
				s.Port = strconv.Itoa(int(port.Port))
			}
		}
		if s.Port != "" {
			with = append(with, s)
		} else {
			without = append(without, s)
		}
	}
	return append(with, without...), nil
}

// ScrapeService returns the page of metrics of a Service: directly inside the cluster, else through the API server, which
// takes the right to get services/proxy.
func (c *Client) ScrapeService(ctx context.Context, s Service) ([]byte, error) {
	if c.direct != nil {
		return Get(ctx, c.direct, "http://"+net.JoinHostPort(s.Name+"."+s.Namespace+".svc", s.Port)+"/metrics")
	}
	return c.proxied(ctx, s.Namespace, "services", s.Name, s.Port, "/metrics")
}

// ScrapePod returns the page of metrics at a port of a pod: directly inside the cluster, else through the API server,
// which takes the right to get pods/proxy.
func (c *Client) ScrapePod(ctx context.Context, p Pod, port int32, path string) ([]byte, error) {
	number := strconv.Itoa(int(port))
	if c.direct != nil {
		return Get(ctx, c.direct, "http://"+net.JoinHostPort(p.Address, number)+path)
	}
	return c.proxied(ctx, c.Namespace, "pods", p.Name, number, path)
}

// proxied asks through the API server. Its refusals are the API's errors.
func (c *Client) proxied(ctx context.Context, namespace, resource, name, port, path string) ([]byte, error) {
	at := c.Host + "/api/v1/namespaces/" + url.PathEscape(namespace) + "/" + resource + "/" + url.PathEscape(name+":"+port) + "/proxy" + path
	text, err := Get(ctx, c.server, at)
	if refused, ok := errors.AsType[*statusError](err); ok {
		// The words are the API server's, or those of whatever answers at the port.
		err = apierrors.NewGenericServerResponse(refused.code, http.MethodGet, schema.GroupResource{Resource: resource + "/proxy"}, name, refused.body, 0, true)
	}
	return text, err
}

// statusError is an answer other than 200, with the beginning of its body.
type statusError struct {
	code         int
	status, body string
}

// Error returns the status line alone: the body may be anything.
func (e *statusError) Error() string { return "it answers " + e.status }

// maxRefusal bounds what is read of an answer other than 200, in bytes.
const maxRefusal = 1 << 10

// Get returns the page of metrics at a URL.
func Get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, errors.New("the address is not a URL") // it may hold a password
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking for metrics: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(res.Body, maxRefusal))
		refused := &statusError{res.StatusCode, res.Status, strings.ToValidUTF8(string(body), "")}
		return nil, errors.Join(refused, err, res.Body.Close())
	}
	return page(res.Body)
}

func page(body io.ReadCloser) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(body, MaxPage+1))
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, fmt.Errorf("reading metrics: %w", err)
	}
	if len(text) > MaxPage {
		return nil, fmt.Errorf("the page of metrics has more than %d bytes", MaxPage)
	}
	return text, nil
}
