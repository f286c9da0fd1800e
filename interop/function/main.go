// Command function is an app as its makers would write it for Cloud Run functions: it knows the functions framework and
// Pub/Sub's documentation, and nothing of Spillway. It writes a line of JSON for each message that it was given, and fails
// the first delivery of those whose attribute "fail" is "once".
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"github.com/cloudevents/sdk-go/v2/event"
)

// message is what both the event's data and the push request's body hold.
type message struct {
	Message struct {
		Data       []byte            `json:"data"`
		Attributes map[string]string `json:"attributes"`
		MessageID  string            `json:"messageId"`
	} `json:"message"`
	Subscription string `json:"subscription"`
}

// record is what the app tells of a message.
type record struct {
	ID, Type, Source, Subscription, Data, Tenant string
}

type app struct {
	mu     sync.Mutex
	failed map[string]bool
	out    *json.Encoder
}

func main() {
	a := &app{failed: map[string]bool{}, out: json.NewEncoder(os.Stdout)}
	functions.CloudEvent("event", a.event)
	functions.HTTP("push", a.push)
	if err := funcframework.StartHostPort("127.0.0.1", os.Getenv("PORT")); err != nil {
		fmt.Fprintln(os.Stderr, "function:", err)
		os.Exit(1)
	}
}

func (a *app) event(_ context.Context, e event.Event) error {
	var m message
	if err := e.DataAs(&m); err != nil {
		return fmt.Errorf("event.DataAs: %w", err)
	}
	return a.handle(&m, e.Type(), e.Source())
}

func (a *app) push(w http.ResponseWriter, r *http.Request) {
	var m message
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		http.Error(w, "Bad Request", http.StatusBadRequest)
		return
	}
	if err := a.handle(&m, "", ""); err != nil {
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
	}
}

func (a *app) handle(m *message, kind, source string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := m.Message.MessageID
	if m.Message.Attributes["fail"] == "once" && !a.failed[id] {
		a.failed[id] = true
		return errors.New("this once")
	}
	return a.out.Encode(record{id, kind, source, m.Subscription, string(m.Message.Data), m.Message.Attributes["tenant"]})
}
