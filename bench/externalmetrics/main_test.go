package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestRunKeepsItsPace(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hpa" {
			http.Error(w, "who?", http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	c := &client{base: server.URL, http: server.Client(), transport: http.DefaultTransport.(*http.Transport)}
	r, err := c.run(t.Context(), 100, 500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.took); n < 40 || n > 55 {
		t.Errorf("%d requests in half a second at 100 a second", n)
	}
	if r.p99() <= 0 || r.perSecond() <= 0 {
		t.Errorf("p99 %g ms, %g requests/s", r.p99(), r.perSecond())
	}
}

func TestRunSaysWhatFailed(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	c := &client{base: server.URL, http: server.Client()}
	if _, err := c.run(t.Context(), 0, time.Second); err == nil {
		t.Fatal("a 404 is no failure")
	}
}
