package conformance_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
)

// posted is one push request.
type posted struct {
	header http.Header
	body   []byte
}

// endpoint is a push endpoint that answers with the given statuses in turn, and with the last one from then on.
func (w *world) endpoint(statuses ...int) (url string, requests <-chan posted) {
	w.Helper()
	in := make(chan posted, 100)
	turns := make(chan int, len(statuses))
	for _, s := range statuses {
		turns <- s
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		select {
		case in <- posted{r.Header, body}:
		default:
		}
		status := statuses[len(statuses)-1]
		select {
		case status = <-turns:
		default:
		}
		rw.WriteHeader(status)
	}))
	w.Cleanup(server.Close)
	return server.URL, in
}

func (w *world) nextPush(requests <-chan posted, within time.Duration) (posted, bool) {
	select {
	case p := <-requests:
		return p, true
	case <-time.After(within):
		return posted{}, false
	}
}

func pushCases() []testCase {
	return []testCase{
		{name: "a push request", documented: "the message in Pub/Sub's JSON, once", source: "push", observe: pushed},
		{
			name: "a push request without the wrapper", documented: "the data alone, the attributes as headers", source: "payload-unwrapping",
			observe: pushedUnwrapped,
		},
		{name: "a push endpoint that fails", documented: "asked again until it succeeds: 3 requests", source: "push", observe: pushedAgain},
	}
}

func (w *world) setUpPush(url string, wrapper *pubsubpb.PushConfig_NoWrapper_) {
	w.Helper()
	w.setUp(func(c *pubsubpb.Subscription) {
		c.PushConfig = &pubsubpb.PushConfig{PushEndpoint: url}
		if wrapper != nil {
			c.PushConfig.Wrapper = wrapper
		}
	})
}

func pushed(w *world) string {
	url, requests := w.endpoint(http.StatusNoContent)
	w.setUpPush(url, nil)
	ids := w.publish(&pubsubpb.PubsubMessage{Data: []byte("hello"), Attributes: map[string]string{"tier": "gold"}})
	got, ok := w.nextPush(requests, patience)
	if !ok {
		return "none"
	}
	var in struct {
		Subscription string
		Message      struct {
			Data                   []byte
			Attributes             map[string]string
			MessageID, PublishTime string
		}
	}
	w.must(json.Unmarshal(got.body, &in))
	m := in.Message
	if in.Subscription != w.sub || string(m.Data) != "hello" || m.Attributes["tier"] != "gold" || m.MessageID != ids[0] || m.PublishTime == "" {
		return string(got.body)
	}
	if again, ok := w.nextPush(requests, 12*time.Second); ok {
		return "again: " + string(again.body)
	}
	return "the message in Pub/Sub's JSON, once"
}

func pushedUnwrapped(w *world) string {
	url, requests := w.endpoint(http.StatusOK)
	w.setUpPush(url, &pubsubpb.PushConfig_NoWrapper_{NoWrapper: &pubsubpb.PushConfig_NoWrapper{WriteMetadata: true}})
	ids := w.publish(&pubsubpb.PubsubMessage{Data: []byte("hello"), Attributes: map[string]string{"Tier": "gold"}})
	got, ok := w.nextPush(requests, patience)
	if !ok {
		return "none"
	}
	if string(got.body) != "hello" {
		return "body " + string(got.body)
	}
	if got.header.Get("Tier") != "gold" || got.header.Get("X-Goog-Pubsub-Message-Id") != ids[0] {
		return fmt.Sprint("headers ", got.header)
	}
	return "the data alone, the attributes as headers"
}

func pushedAgain(w *world) string {
	url, requests := w.endpoint(http.StatusInternalServerError, http.StatusBadRequest, http.StatusOK)
	w.setUpPush(url, nil)
	w.publish(texts("x")...)
	n := 0
	for {
		if _, ok := w.nextPush(requests, 12*time.Second); !ok {
			return fmt.Sprintf("asked again until it succeeds: %d requests", n)
		}
		n++
	}
}
