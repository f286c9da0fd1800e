package externalmetrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
	"k8s.io/metrics/pkg/apis/external_metrics"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
)

const (
	// forwardTimeout is how long another adapter may take; it has to leave the autoscaler some of its own time-out.
	forwardTimeout = 5 * time.Second
	// maxAnswer bounds another adapter's answer in bytes, maxItems in values.
	maxAnswer = 1 << 20
	maxItems  = 10000
)

// Forwarder asks another adapter's Service. Who asked us has been authenticated and authorized for that very metric and
// namespace before; the other adapter is asked as ourselves, and nothing of the request's headers is passed on. Safe for
// concurrent use.
type Forwarder struct {
	base   *url.URL
	client *http.Client
}

var _ Delegate = (*Forwarder)(nil)

// ForwardOptions is how another adapter is reached.
type ForwardOptions struct {
	// URL is https://host:port of its Service.
	URL string
	// CAFile has the certificates in PEM that its own must be signed by. It is read again when it changes. Empty means
	// the system's.
	CAFile string
	// TokenFile has the bearer token that we are known by: the service account's. It is read again when it changes.
	TokenFile string
}

// NewForwarder returns a forwarder; nothing is connected to yet.
func NewForwarder(opts ForwardOptions) (*Forwarder, error) {
	base, err := url.Parse(opts.URL)
	if err != nil || base.Scheme != "https" || base.Host == "" || base.User != nil || base.Path != "" && base.Path != "/" || base.RawQuery != "" {
		return nil, errors.New("the delegate must be given as https://host:port")
	}
	client, err := rest.HTTPClientFor(&rest.Config{
		Host: opts.URL, BearerTokenFile: opts.TokenFile, TLSClientConfig: rest.TLSClientConfig{CAFile: opts.CAFile},
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the delegate's client: %w", err)
	}
	client.Timeout = forwardTimeout
	// A redirect would carry our token to somebody else.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Forwarder{base: base, client: client}, nil
}

// List asks for the metric. Errors are the API's: what the other adapter says about the metric keeps its code; what goes
// wrong between it and us is a 503 without details.
func (f *Forwarder) List(ctx context.Context, namespace, metric string, selector labels.Selector) (*external_metrics.ExternalMetricValueList, error) {
	for _, part := range []string{namespace, metric} {
		if len(content.IsPathSegmentName(part)) > 0 {
			return nil, apierrors.NewBadRequest("the name cannot be a part of a path")
		}
	}
	target := f.base.JoinPath("apis/external.metrics.k8s.io/v1beta1/namespaces", url.PathEscape(namespace), url.PathEscape(metric))
	if !selector.Empty() {
		target.RawQuery = url.Values{"labelSelector": {selector.String()}}.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	if err != nil {
		return nil, apierrors.NewBadRequest("the name cannot be a part of a path")
	}
	req.Header.Set("Accept", "application/json")
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, apierrors.NewServiceUnavailable("the delegate adapter does not answer: " + clip(reason(err)))
	}
	defer func() { _ = resp.Body.Close() }()
	return read(resp)
}

// reason returns an HTTP client's error without the URL, which the caller knows.
func reason(err error) string {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err.Error()
	}
	return err.Error()
}

func read(resp *http.Response) (*external_metrics.ExternalMetricValueList, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, apierrors.NewServiceUnavailable("the delegate adapter's answer broke off")
	case len(body) > maxAnswer:
		return nil, apierrors.NewServiceUnavailable("the delegate adapter's answer is too long")
	case resp.StatusCode != http.StatusOK:
		return nil, refusedBy(resp.StatusCode, body)
	}
	var answer v1beta1.ExternalMetricValueList
	if err := json.Unmarshal(body, &answer); err != nil || answer.Kind != "ExternalMetricValueList" || len(answer.Items) > maxItems {
		return nil, apierrors.NewServiceUnavailable("the delegate adapter's answer is not a list of values")
	}
	list := &external_metrics.ExternalMetricValueList{Items: make([]external_metrics.ExternalMetricValue, 0, len(answer.Items))}
	for _, item := range answer.Items {
		list.Items = append(list.Items, external_metrics.ExternalMetricValue{
			MetricName: item.MetricName, MetricLabels: item.MetricLabels, Timestamp: item.Timestamp,
			WindowSeconds: item.WindowSeconds, Value: item.Value,
		})
	}
	return list, nil
}

// refusedBy renders another adapter's error. That it does not let us in is not the fault of who asked us.
func refusedBy(code int, body []byte) error {
	message := fmt.Sprintf("the delegate adapter answers %d", code)
	var said metav1.Status
	if json.Unmarshal(body, &said) == nil && said.Kind == "Status" && said.Message != "" {
		message += ": " + clip(said.Message)
	}
	switch code {
	case http.StatusNotFound:
		return notFound(message)
	case http.StatusBadRequest:
		return apierrors.NewBadRequest(message)
	default:
		return apierrors.NewServiceUnavailable(message)
	}
}
