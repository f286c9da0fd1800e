package push

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/backlog"
)

var (
	now       = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	published = time.Date(2026, 11, 22, 8, 59, 30, 123456789, time.UTC)
)

const subscription = "projects/shop/subscriptions/offers"

func TestWrappedDeliveries(t *testing.T) {
	tests := []struct {
		name, body string
		want       backlog.Message
	}{
		{
			"as Pub/Sub sends it",
			`{"message":{"attributes":{"tenant":"a","b":"2"},"data":"aGVsbG8=","messageId":"7","message_id":"7",
			"publishTime":"2026-11-22T08:59:30.123456789Z","publish_time":"2026-11-22T08:59:30.123456789Z","orderingKey":"k"},
			"subscription":"projects/shop/subscriptions/offers","deliveryAttempt":3}`,
			backlog.Message{
				ID: "7", Data: []byte("hello"), Attributes: backlog.Attributes{{Key: "b", Value: "2"}, {Key: "tenant", Value: "a"}},
				PublishTime: published, OrderingKey: "k", DeliveryAttempt: 3,
			},
		},
		{
			"in the other spelling",
			`{"message":{"data":"aGVsbG8=","message_id":"7","publish_time":"2026-11-22T08:59:30.123456789Z"},"subscription":"` + subscription + `"}`,
			backlog.Message{ID: "7", Data: []byte("hello"), PublishTime: published},
		},
		{
			"attributes alone, and fields to come",
			`{"message":{"attributes":{"a":"\u00fc\"{["},"messageId":"7","new":{"x":[1]}},"subscription":"` + subscription + `","new":[[]]}`,
			backlog.Message{ID: "7", Attributes: backlog.Attributes{{Key: "a", Value: `ü"{[`}}, PublishTime: now},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, from, err := decode(http.Header{}, []byte(tt.body), now)
			if err != nil || from != subscription {
				t.Fatalf("from %q: %v", from, err)
			}
			if diff := cmp.Diff(&tt.want, m); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBodiesThatAreNoDelivery(t *testing.T) {
	message := func(fields string) string { return `{"message":{"messageId":"7",` + fields + `}}` }
	const notJSON = "the body is not a push delivery in JSON; a subscription without wrapper must write metadata"
	tests := []struct{ name, body, want string }{
		{"nothing", "", notJSON},
		{"text", "secret", notJSON},
		{"another object", `{"secret":1}`, notJSON},
		{"a list", `[]`, notJSON},
		{"null", `null`, notJSON},
		{"a message that is none", `{"message":"secret"}`, notJSON},
		{"broken off", `{"message":{"messageId":"7","data":"secr`, notJSON},
		{"something behind it", `{"message":{"messageId":"7"}}secret`, notJSON},
		{"data that is not base64", message(`"data":"secret!"`), notJSON},
		{"data of another kind", message(`"data":7`), notJSON},
		{"an attribute of another kind", message(`"attributes":{"secret":7}`), notJSON},
		{"an attempt of another kind", `{"message":{"messageId":"7"},"deliveryAttempt":"secret"}`, notJSON},
		{"an attempt that is too large", `{"message":{"messageId":"7"},"deliveryAttempt":9223372036854775808}`, notJSON},
		{"a negative attempt", `{"message":{"messageId":"7"},"deliveryAttempt":-1}`, "deliveryAttempt is negative"},
		{"no ID", `{"message":{"data":"c2VjcmV0"}}`, "message.messageId is missing"},
		{"a time that is none", message(`"publishTime":"secret"`), "the publish time is not one in RFC 3339"},
		{"a deep object", strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17), "the JSON of the body is nested too deeply"},
		{"a deep list that never ends", strings.Repeat("[", 1<<20), "the JSON of the body is nested too deeply"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, _, err := decode(http.Header{}, []byte(tt.body), now)
			if err == nil || err.Error() != tt.want || m != nil {
				t.Fatalf("got %v, %v; want %q", m, err, tt.want)
			}
		})
	}
}

func TestDepthIsCountedOutsideOfStrings(t *testing.T) {
	for document, want := range map[string]int{
		``: 0, `7`: 0, `{}`: 1, `[[],[]]`: 2, `{"a":"[[["}`: 1, `{"a":"\"[[["}`: 1, `{"a":"\\","b":[{}]}`: 3, `{"a":"\\\"[","b":[]}`: 2,
		`["`: 1, `["\`: 1, `["\"`: 1, `]][[[`: 1,
	} {
		if want > 0 && !deeper([]byte(document), want-1) || deeper([]byte(document), want) {
			t.Errorf("%s is not %d deep", document, want)
		}
	}
}

func unwrappedHeader() http.Header {
	h := http.Header{}
	for name, value := range map[string]string{
		"x-goog-pubsub-subscription-name": subscription, "x-goog-pubsub-message-id": "7", "x-goog-pubsub-ordering-key": "k",
		"x-goog-pubsub-publish-time": "2026-11-22T08:59:30.123456789Z", "x-goog-pubsub-delivery-attempt": "3",
		"tenant": "a", "content-type": "text/csv", "googclient_schemaid": "x",
		"authorization": "Bearer secret", "user-agent": "CloudPubSub-Google", "accept-encoding": "gzip", "x-forwarded-for": "10.0.0.1",
		"via": "1.1 google", "traceparent": "00-1-2-01", "cookie": "secret", "x-cloud-trace-context": "1",
	} {
		h.Set(name, value)
	}
	return h
}

func TestUnwrappedDeliveries(t *testing.T) {
	m, from, err := decode(unwrappedHeader(), []byte(`{"message":{"messageId":"not this one"}}`), now)
	if err != nil || from != subscription {
		t.Fatalf("from %q: %v", from, err)
	}
	want := &backlog.Message{
		ID: "7", Data: []byte(`{"message":{"messageId":"not this one"}}`), PublishTime: published, OrderingKey: "k", DeliveryAttempt: 3,
		Attributes: backlog.Attributes{
			{Key: "content-type", Value: "text/csv"}, {Key: "googclient_schemaid", Value: "x"}, {Key: "tenant", Value: "a"},
		},
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Error(diff)
	}
	for name, value := range map[string]string{"publish-time": "yesterday", "delivery-attempt": "-1"} {
		header := unwrappedHeader()
		header.Set(metadataPrefix+name, value)
		if _, _, err := decode(header, nil, now); err == nil || strings.Contains(err.Error(), value) {
			t.Errorf("%s %q gave %v", name, value, err)
		}
	}
	if _, _, err := decode(unwrappedHeader(), make([]byte, maxMessage+1), now); err == nil {
		t.Error("more data than Pub/Sub takes was accepted")
	}
}

func TestTheLargestMessageFits(t *testing.T) {
	attributes := map[string]string{}
	for i := range 100 {
		attributes[fmt.Sprintf("%0256d", i)] = strings.Repeat("\x01", 1024) // "\u0001" in JSON
	}
	body, err := json.Marshal(map[string]any{"subscription": subscription, "message": map[string]any{
		"data": base64.StdEncoding.EncodeToString(make([]byte, maxMessage)), "attributes": attributes, "messageId": "7",
		"orderingKey": strings.Repeat("\x01", 1024),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(body) > MaxBody {
		t.Fatalf("%d bytes, more than MaxBody %d", len(body), MaxBody)
	}
	m, _, err := decode(http.Header{}, body, now)
	if err != nil || len(m.Data) != maxMessage || len(m.Attributes) != 100 {
		t.Fatal(err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"message":{"messageId":"7","data":"aGVsbG8=","attributes":{"a":"b"}},"subscription":"x","deliveryAttempt":1}`), "", "")
	f.Add([]byte(`{"message":null}`), "7", "\xff")
	f.Add([]byte(`[[[[[[[[[[[[[[[[[[[`), "", "x")
	f.Add([]byte(`{"message":{"messageId":"\ud800"}}`), "", "")
	f.Fuzz(func(t *testing.T, body []byte, id, attribute string) {
		header := http.Header{"Tenant": {attribute}}
		if id != "" {
			header.Set(metadataPrefix+metadataID, id)
		}
		m, _, err := decode(header, body, now)
		switch {
		case err != nil && m != nil:
			t.Fatal("a message and an error")
		case err != nil:
			if text := err.Error(); strings.Contains(text, "\n") || len(body) > 12 && strings.Contains(text, string(body)) {
				t.Fatalf("not one clear line: %q", text)
			}
		case m.ID == "" || m.DeliveryAttempt < 0 || m.PublishTime.IsZero() && !strings.Contains(string(body), "0001"):
			t.Fatalf("an impossible message: %+v", m)
		default:
			for _, a := range m.Attributes {
				if !utf8.ValidString(a.Key) || !utf8.ValidString(a.Value) {
					t.Fatalf("attribute %q is not UTF-8", a)
				}
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	body := fmt.Appendf(nil, `{"message":{"attributes":{"tenant":"a"},"data":%q,"messageId":"7","publishTime":"2026-11-22T08:59:30Z"},"subscription":%q}`,
		base64.StdEncoding.EncodeToString(make([]byte, 1024)), subscription)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := decode(http.Header{}, body, now); err != nil {
			b.Fatal(err)
		}
	}
}
