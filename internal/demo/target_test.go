package demo

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const pushed = `{"message":{"data":"eA==","messageId":"17","message_id":"17","publishTime":"2026-11-27T08:00:00.5Z"},` +
	`"subscription":"projects/p/subscriptions/s","deliveryAttempt":2}`

func post(ctx context.Context, h http.Handler, body string) int {
	answer := httptest.NewRecorder()
	answer.Code = 0
	h.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodPost, "/offers", strings.NewReader(body)))
	return answer.Code
}

func TestTheTargetWorksThenNotesThenAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLedger()
		begin := time.Now()
		if code := post(t.Context(), target(l, newBench(50*time.Millisecond)), pushed); code != http.StatusNoContent {
			t.Errorf("answered %d", code)
		}
		if took := time.Since(begin); took != 50*time.Millisecond {
			t.Errorf("worked for %s", took)
		}
		if diff := cmp.Diff(Counts{Handled: 1, Unconfirmed: 1}, l.Counts()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWorkThatItsWorkerGaveUpIsNotHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		l := NewLedger()
		post(ctx, target(l, newBench(50*time.Millisecond)), pushed)
		if diff := cmp.Diff(Counts{}, l.Counts()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWhatIsNotAPushIsRefused(t *testing.T) {
	l := NewLedger()
	for name, body := range map[string]string{
		"not JSON": "hello", "no ID": `{"message":{}}`, "a bad time": `{"message":{"messageId":"1","publishTime":"yesterday"}}`,
		"too large": `{"message":{"messageId":"1","data":"` + string(bytes.Repeat([]byte("A"), maxPush)) + `"}}`,
	} {
		if code := post(t.Context(), target(l, newBench(0)), body); code != http.StatusBadRequest {
			t.Errorf("%s: answered %d", name, code)
		}
	}
	if diff := cmp.Diff(Counts{}, l.Counts()); diff != "" {
		t.Error(diff)
	}
}

func TestTheTargetKnowsWhatEachWorkerBrings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, b := NewLedger(), newBench(50*time.Millisecond)
		mux := http.NewServeMux()
		mux.Handle("POST /offers/{worker}", target(l, b))
		bring := func(ctx context.Context, worker string) {
			answer := httptest.NewRecorder()
			mux.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodPost, "/offers/"+worker, strings.NewReader(pushed)))
		}
		killed, kill := context.WithCancel(t.Context())
		go bring(killed, "worker-1")
		time.Sleep(40 * time.Millisecond)
		b.setSlow(true)
		go bring(t.Context(), "worker-2") // The same message, because the first attempt will come to nothing.
		synctest.Wait()
		want := map[string]desk{"worker-1": {inFlight: 1}, "worker-2": {inFlight: 1}}
		if got, slow := b.state(); !slow || cmp.Diff(want, got, cmp.AllowUnexported(desk{})) != "" {
			t.Errorf("desks %+v, slow %t", got, slow)
		}
		kill()
		time.Sleep(slowness*50*time.Millisecond - time.Millisecond)
		if got, _ := b.state(); got["worker-1"].inFlight != 0 || got["worker-2"].inFlight != 1 {
			t.Errorf("desks %+v", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got, _ := b.state(); got["worker-1"] != (desk{}) || got["worker-2"] != (desk{done: 1}) {
			t.Errorf("desks %+v", got)
		}
		if c := l.Counts(); c.Redelivered != 1 || c.Handled != 1 || c.Duplicated != 0 {
			t.Errorf("counts %+v", c)
		}
	})
}

func FuzzTarget(f *testing.F) {
	f.Add([]byte(pushed))
	f.Add([]byte(`{"message":{"messageId":"1"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		l := NewLedger()
		code := post(t.Context(), target(l, newBench(0)), string(body))
		if noted := l.Counts().Handled; (code == http.StatusNoContent) != (noted == 1) {
			t.Fatalf("answered %d and noted %d", code, noted)
		}
	})
}
