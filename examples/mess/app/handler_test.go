package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"spillway/examples/mess/product"
	"spillway/examples/mess/store"
)

// memory is a database of one message.
type memory struct {
	outcome store.Outcome
	err     error
	got     string
}

func (m *memory) Apply(kind product.Kind, messageID string, u product.Update) (store.Outcome, error) {
	m.got = fmt.Sprint(kind, " ", messageID, " ", u.Product, " ", u.Version)
	return m.outcome, m.err
}

func (m *memory) Counts() (sent, failed int64) { return 5, 6 }

func push(t *testing.T, h http.Handler, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body)))
	return w
}

// wrapped is what a worker posts.
func wrapped(data string) string {
	return fmt.Sprintf(`{"message":{"data":%q,"messageId":"m1"},"subscription":"projects/mess/subscriptions/offer"}`, base64.StdEncoding.EncodeToString([]byte(data)))
}

func TestTheAnswerIsTheMessagesFate(t *testing.T) {
	good := wrapped(`{"product":"p","version":3,"data":{}}`)
	for name, tt := range map[string]struct {
		body    string
		db      memory
		status  int
		verdict string
		got     string
	}{
		"new":            {good, memory{outcome: store.Applied}, http.StatusNoContent, "", "image m1 p 3"},
		"late":           {good, memory{outcome: store.Late}, http.StatusNoContent, "", "image m1 p 3"},
		"again":          {good, memory{outcome: store.Repeated}, http.StatusNoContent, "", "image m1 p 3"},
		"cannot write":   {good, memory{err: errors.New("disk full")}, http.StatusInternalServerError, "", "image m1 p 3"},
		"no update":      {wrapped(`nonsense`), memory{}, http.StatusUnprocessableEntity, "dead-letter; reading an update: invalid character 'o' in literal null (expecting 'u')", ""},
		"no push format": {`nonsense`, memory{}, http.StatusBadRequest, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := push(t, newHandler(&tt.db, &tt.db, 0, zap.NewNop()), "/image", tt.body)
			if w.Code != tt.status || w.Header().Get("Spillway-Verdict") != tt.verdict || tt.db.got != tt.got {
				t.Errorf("got %d %v and %q", w.Code, w.Header(), tt.db.got)
			}
		})
	}
}

func TestStats(t *testing.T) {
	m := &memory{outcome: store.Applied}
	h := newHandler(m, m, time.Millisecond, zap.NewNop())
	push(t, h, "/offer", wrapped(`{"product":"p","version":3,"data":{}}`))
	push(t, h, "/offer", wrapped(`?`))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/stats", http.NoBody))
	var got map[string]int64
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got["applied"] != 1 || got["refused"] != 1 || got["sent"] != 5 || got["requests_repeated"] != 6 {
		t.Errorf("got %s, %v", w.Body, err)
	}
	if w := push(t, h, "/nonsense", "{}"); w.Code != http.StatusNotFound {
		t.Errorf("got %d", w.Code)
	}
}

func TestEveryWrongFlagIsTold(t *testing.T) {
	err := settings{contentAPI: "ftp://x", requests: -1, batch: 1001, work: -1}.validate([]string{"x"})
	for _, flag := range []string{"-content-api", "-database", "-rate", "-batch", "-remember", "-work", `"x"`} {
		if err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s is missing: %v", flag, err)
		}
	}
}
