package emulator

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"spillway/internal/emulator/broker"
	"spillway/internal/emulator/fault"
)

func FuzzREST(f *testing.F) {
	b := broker.New(time.Now)
	if _, err := b.CreateTopic(&pubsubpb.Topic{Name: "projects/demo/topics/orders"}); err != nil {
		f.Fatal(err)
	}
	server := newGRPCServer()
	registerPublisher(server, &publisher{broker: b})
	registerSubscriber(server, &subscriber{broker: b, faults: fault.NewSet(0, time.Now), responseMessages: 500})
	f.Cleanup(server.Stop)
	handler, err := newREST(server)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("POST", "/v1/projects/demo/topics/orders:publish", `{"messages":[{"data":"aGVsbG8="}]}`)
	f.Add("PUT", "/v1/projects/demo/subscriptions/sub", `{"topic":"projects/demo/topics/orders","filter":"attributes:a"}`)
	f.Add("PATCH", "/v1/projects/demo/subscriptions/sub", `{"subscription":{},"updateMask":"retryPolicy.minimumBackoff"}`)
	f.Add("GET", "/v1/projects/demo/topics?pageSize=x&pageToken=!!", ``)
	f.Add("PUT", "/v1/projects/demo/topics/%ff%00", `{}`)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		if _, err := url.ParseRequestURI(path); err != nil || !strings.HasPrefix(path, "/v1/") || !token(method) ||
			strings.Contains(path, ":pull") || strings.ContainsAny(path, " \r\n") {
			return
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		if w.Code >= 400 && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s %q answered %d %q", method, path, w.Code, w.Body)
		}
	})
}

func token(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
