package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"spillway/e2e/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const delivery = `{"message":{"messageId":"12","publishTime":"2026-01-20T10:27:46.123Z","data":"eA=="},"subscription":"projects/shop/subscriptions/offers"}`

func TestWhatIsAnswered204IsInTheLedger(t *testing.T) {
	book := ledger.NewServer(ledger.Work{Wait: time.Millisecond})
	web := httptest.NewServer(book)
	t.Cleanup(web.Close)
	reporter := ledger.NewReporter(web.URL, web.Client())
	if err := ask(t.Context(), reporter); err != nil {
		t.Fatal(err)
	}
	h := handler(reporter)
	for body, want := range map[string]int{delivery: http.StatusNoContent, "{}": http.StatusBadRequest, "nonsense": http.StatusBadRequest} {
		got := httptest.NewRecorder()
		h.ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body)))
		if got.Code != want {
			t.Errorf("%s is answered %d, want %d", body, got.Code, want)
		}
	}
	if got := book.Flow("projects/shop/subscriptions/offers").Counts(); got.Handled != 1 {
		t.Errorf("the ledger has %+v, want one message", got)
	}
}

func TestWithoutTheLedgerNothingIsAcknowledged(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	web.Close()
	got := httptest.NewRecorder()
	handler(ledger.NewReporter(web.URL, web.Client())).
		ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(delivery)))
	if got.Code != http.StatusInternalServerError {
		t.Errorf("answered %d", got.Code)
	}
}
