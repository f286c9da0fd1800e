package deliver_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/backlog"
	"spillway/internal/deliver"
)

// request is what a target received.
type request struct {
	method, url string
	header      http.Header
	body        []byte
}

// post sends one message and returns what arrived.
func post(t *testing.T, m *backlog.Message, change ...func(*deliver.TargetOptions)) request {
	t.Helper()
	var got request
	v := handle(t, t.Context(), m, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.ContentLength != int64(len(body)) {
			t.Errorf("%d bytes of %d: %v", len(body), r.ContentLength, err)
		}
		got = request{r.Method, r.URL.String(), r.Header, body}
		w.WriteHeader(http.StatusNoContent)
	}), change...)
	if v.Result != deliver.Ack {
		t.Fatalf("verdict %+v", v)
	}
	return got
}

func format(f deliver.Format) func(*deliver.TargetOptions) {
	return func(o *deliver.TargetOptions) { o.Format = f }
}

func decode(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatalf("%v in %.200s", err, body)
	}
	return got
}

func dataOf(t *testing.T, body []byte) []byte {
	t.Helper()
	var got struct{ Message struct{ Data []byte } }
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	return got.Message.Data
}

func full() *backlog.Message {
	return &backlog.Message{
		ID: "136969346945", Data: []byte("Hello <Pub/Sub> & all"), Attributes: backlog.Attributes{{Key: "key", Value: "välue"}, {Key: "b", Value: ""}},
		PublishTime: time.Date(2026, 11, 27, 8, 30, 0, 747e6, time.FixedZone("CET", 3600)), OrderingKey: "ean-1", DeliveryAttempt: 3,
	}
}

func bare() *backlog.Message {
	return &backlog.Message{ID: "1", PublishTime: time.Date(2026, 11, 27, 8, 30, 0, 0, time.UTC)}
}

func TestTheBodyIsPubSubsWrappedPushFormat(t *testing.T) {
	tests := []struct {
		name string
		m    *backlog.Message
		want map[string]any
	}{
		{"everything set", full(), map[string]any{
			"message": map[string]any{
				"attributes": map[string]any{"key": "välue", "b": ""}, "data": "SGVsbG8gPFB1Yi9TdWI+ICYgYWxs",
				"messageId": "136969346945", "message_id": "136969346945",
				"publishTime": "2026-11-27T07:30:00.747Z", "publish_time": "2026-11-27T07:30:00.747Z", "orderingKey": "ean-1",
			},
			"subscription": "projects/shop/subscriptions/offers", "deliveryAttempt": float64(3),
		}},
		{"nothing optional", bare(), map[string]any{
			"message": map[string]any{
				"messageId": "1", "message_id": "1", "publishTime": "2026-11-27T08:30:00Z", "publish_time": "2026-11-27T08:30:00Z",
			},
			"subscription": "projects/shop/subscriptions/offers",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := post(t, tt.m)
			if got.method != http.MethodPost || got.url != "/offers?source=pubsub" {
				t.Errorf("%s %s", got.method, got.url)
			}
			if diff := cmp.Diff(tt.want, decode(t, got.body)); diff != "" {
				t.Error(diff)
			}
			expectHeader(t, got.header, map[string]string{"Content-Type": "application/json"})
		})
	}
}

// expectHeader compares headers, but for those of every request.
func expectHeader(t *testing.T, got http.Header, want map[string]string) {
	t.Helper()
	got = maps.Clone(got)
	if got.Get("User-Agent") != "spillway-worker" {
		t.Errorf("User-Agent %q", got.Get("User-Agent"))
	}
	for _, name := range []string{"User-Agent", "Content-Length", "Accept-Encoding"} {
		delete(got, name)
	}
	flat := map[string]string{}
	for name, values := range got {
		flat[name] = strings.Join(values, "|")
	}
	if diff := cmp.Diff(want, flat); diff != "" {
		t.Error(diff)
	}
}

func TestAnUnwrappedMessageIsItsPayloadWithItsMetadataInHeaders(t *testing.T) {
	const name, id, at = "X-Goog-Pubsub-Subscription-Name", "X-Goog-Pubsub-Message-Id", "X-Goog-Pubsub-Publish-Time"
	got := post(t, full(), format(deliver.Unwrapped))
	if string(got.body) != "Hello <Pub/Sub> & all" {
		t.Errorf("body %q", got.body)
	}
	expectHeader(t, got.header, map[string]string{
		name: "projects/shop/subscriptions/offers", id: "136969346945", at: "2026-11-27T07:30:00.747Z",
		"X-Goog-Pubsub-Ordering-Key": "ean-1", "Spillway-Delivery-Attempt": "3", "Key": "välue", "B": "",
	})
	got = post(t, bare(), format(deliver.Unwrapped))
	if len(got.body) != 0 {
		t.Errorf("body %q", got.body)
	}
	expectHeader(t, got.header, map[string]string{name: "projects/shop/subscriptions/offers", id: "1", at: "2026-11-27T08:30:00Z"})
}

func TestOnlyAttributesThatMayBeHeadersAreSent(t *testing.T) {
	tests := []struct {
		name       string
		attributes map[string]string
		want       map[string]string
	}{
		{"plain ones", map[string]string{"tenant": "a", "X-Trace_2.5": "b"}, map[string]string{"Tenant": "a", "X-Trace_2.5": "b"}},
		{"a content type", map[string]string{"content-type": "image/png"}, map[string]string{"Content-Type": "image/png"}},
		{"a CloudEvent by Pub/Sub's binding", map[string]string{"ce-id": "7", "ce-type": "x"}, map[string]string{"Ce-Id": "7", "Ce-Type": "x"}},
		{"a trace context", map[string]string{"traceparent": "00-1-2-01"}, map[string]string{"Traceparent": "00-1-2-01"}},
		{"values that are not ASCII", map[string]string{"name": "Zoë"}, map[string]string{"Name": "Zoë"}},
		{"blanks around a value", map[string]string{"name": "  a b\t"}, map[string]string{"Name": "a b"}},
		{"names that are none", map[string]string{"not a header": "1", "käse": "1", "a:b": "1", "": "1", "a\r\nb": "1", "a\x00": "1"}, nil},
		{"values with line breaks", map[string]string{"a": "1\r\nInjected: 1", "b": "1\nInjected: 1", "c": "1\rInjected: 1", "d": "\x00", "e": "\x7f"}, nil},
		{"what frames a request", map[string]string{
			"content-length": "1", "transfer-encoding": "chunked", "connection": "close", "host": "elsewhere", "te": "trailers", "trailer": "x",
			"upgrade": "h2c", "expect": "100-continue", "keep-alive": "1", "proxy-connection": "x", "http2-settings": "x", "user-agent": "me",
		}, nil},
		{"who the caller is", map[string]string{
			"authorization": "Bearer x", "cookie": "session=1", "proxy-authorization": "x", "forwarded": "for=1.2.3.4",
			"x-forwarded-for": "1.2.3.4", "X-Real-IP": "1.2.3.4", "spillway-delivery-attempt": "9",
		}, nil},
		{"what Pub/Sub says", map[string]string{"x-goog-pubsub-message-id": "9", "X-GOOG-PUBSUB-ANYTHING": "9", "x-goog-other": "1"}, map[string]string{"X-Goog-Other": "1"}},
		{"keys that differ by case", map[string]string{"tenant": "c", "Tenant": "b", "TENANT": "a\n"}, map[string]string{"Tenant": "b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := bare()
			m.Attributes = backlog.AttributesOf(tt.attributes)
			for range 2 { // In either order.
				got := post(t, m, format(deliver.Unwrapped)).header
				for name := range got {
					if strings.HasPrefix(name, "X-Goog-Pubsub-") {
						delete(got, name)
					}
				}
				want := tt.want
				if want == nil {
					want = map[string]string{}
				}
				expectHeader(t, got, want)
				slices.Reverse(m.Attributes)
			}
		})
	}
}

func TestMetadataThatIsNoHeaderIsLeftOut(t *testing.T) {
	m := bare()
	m.OrderingKey = "a\r\nInjected: 1"
	got := post(t, m, format(deliver.Unwrapped)).header
	if got.Get("Injected") != "" || got.Get("X-Goog-Pubsub-Ordering-Key") != "" {
		t.Errorf("headers %v", got)
	}
}

func TestACloudEventIsInBinaryMode(t *testing.T) {
	got := post(t, full(), format(deliver.CloudEvents))
	expectHeader(t, got.header, map[string]string{
		"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Id": "136969346945", "Ce-Time": "2026-11-27T07:30:00.747Z",
		"Ce-Type": "google.cloud.pubsub.topic.v1.messagePublished", "Ce-Source": "//pubsub.googleapis.com/projects/shop/subscriptions/offers",
	})
	want := map[string]any{
		"message": map[string]any{
			"attributes": map[string]any{"key": "välue", "b": ""}, "data": "SGVsbG8gPFB1Yi9TdWI+ICYgYWxs",
			"messageId": "136969346945", "publishTime": "2026-11-27T07:30:00.747Z", "orderingKey": "ean-1",
		},
		"subscription": "projects/shop/subscriptions/offers", "deliveryAttempt": float64(3),
	}
	if diff := cmp.Diff(want, decode(t, got.body)); diff != "" {
		t.Error(diff)
	}
	m := bare()
	m.ID = "1 ü\"%\r\nInjected: 1"
	got = post(t, m, format(deliver.CloudEvents), func(o *deliver.TargetOptions) {
		o.EventSource = "//pubsub.googleapis.com/projects/shop/topics/offers"
	})
	if id := got.header.Get("Ce-Id"); id != "1%20%C3%BC%22%25%0D%0AInjected:%201" || got.header.Get("Injected") != "" {
		t.Errorf("Ce-Id %q", id)
	}
	if source := got.header.Get("Ce-Source"); source != "//pubsub.googleapis.com/projects/shop/topics/offers" {
		t.Errorf("Ce-Source %q", source)
	}
}

func TestTheUserOfTheURLIsSent(t *testing.T) {
	for _, f := range []deliver.Format{deliver.Wrapped, deliver.Unwrapped, deliver.CloudEvents} {
		got := post(t, full(), format(f), func(o *deliver.TargetOptions) {
			u := *o.URL
			u.User = parse(t, "http://shop:p%40ss@h").User
			o.URL = &u
		})
		if auth := got.header.Get("Authorization"); auth != "Basic c2hvcDpwQHNz" {
			t.Errorf("%s: Authorization %q", f, auth)
		}
	}
}

func TestValidFormats(t *testing.T) {
	for f, want := range map[deliver.Format]bool{"wrapped": true, "unwrapped": true, "cloudevents": true, "": false, "json": false} {
		if f.Valid() != want {
			t.Errorf("%q: %t", f, f.Valid())
		}
	}
}
