package httpload

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers with a status after a time, one request at a time for each of its threads.
type server struct {
	takes   time.Duration
	threads chan struct{}
	status  func(request int64) int
	asked   atomic.Int64
}

func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	number := s.asked.Add(1)
	select {
	case s.threads <- struct{}{}:
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	defer func() { <-s.threads }()
	select {
	case <-time.After(s.takes):
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	status := http.StatusOK
	if s.status != nil {
		status = s.status(number)
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("answer"))}, nil
}

// play runs the load against a server in the bubble's time.
func play(t *testing.T, ctx context.Context, opts Options, s http.RoundTripper) (out string, err error) {
	t.Helper()
	opts.URL = "http://shop.example/demo"
	var result bytes.Buffer
	app, err := New(opts, &result, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	app.transport = s
	err = app.Run(ctx)
	return result.String(), err
}

func TestAFastServerIsAskedAtTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := DefaultOptions()
		opts.Rate, opts.Duration = 20, 10*time.Second
		s := &server{takes: 10 * time.Millisecond, threads: make(chan struct{}, 100)}
		out, err := play(t, t.Context(), opts, s)
		want := "due        200 within 9.95s\n" +
			"sent       200 (0 not sent: no slot was free)\n" +
			"answered   200, 20.1/s\n" +
			"status     200: 200\n" +
			"failed     -\n" +
			"latency    p50 10ms  p90 10ms  p99 10ms  max 10ms since due\n" +
			"service    p50 10ms  p90 10ms  p99 10ms  max 10ms since sent\n"
		if err != nil || out != want {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// The server can answer 9.1/s and is asked for 20/s, with one slot. Ten seconds later 91 of 200 were sent, and the last of them
// had waited for half of the time, which no measurement from sending to answering shows.
func TestASlowServerIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := DefaultOptions()
		opts.Rate, opts.Duration, opts.Concurrency = 20, 10*time.Second, 1
		s := &server{takes: 110 * time.Millisecond, threads: make(chan struct{}, 100)}
		out, err := play(t, t.Context(), opts, s)
		if err == nil || !strings.Contains(err.Error(), "109 of 200 were not sent, because the server was slower than they came") {
			t.Errorf("got %v", err)
		}
		for _, want := range []string{"sent       91 (109 not sent", "max 5.51s since due", "service    p50 110ms  p90 110ms  p99 110ms  max 110ms since sent"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
	})
}

func TestFailuresAreCountedByWhatHappened(t *testing.T) {
	tests := []struct {
		name   string
		server http.RoundTripper
		want   []string
		err    string
	}{
		{
			"every fourth is refused",
			&server{threads: make(chan struct{}, 9), status: func(n int64) int {
				if n%4 == 0 {
					return http.StatusServiceUnavailable
				}
				return http.StatusNoContent
			}},
			[]string{"status     204: 30  503: 10"},
			"10 of 40 requests failed",
		},
		{
			"redirects are answers", &server{threads: make(chan struct{}, 9), status: func(int64) int { return http.StatusFound }},
			[]string{"status     302: 40"},
			"",
		},
		{"no answer in time", &server{takes: time.Hour, threads: make(chan struct{}, 99)}, []string{"failed     timeout: 40", "latency    - since due"}, "40 of 40 requests failed: context deadline exceeded"},
		{"the connection is lost", broken{}, []string{"failed     connection lost: 40"}, "40 of 40 requests failed: unexpected EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := DefaultOptions()
				opts.Rate, opts.Duration = 20, 2*time.Second
				out, err := play(t, t.Context(), opts, tt.server)
				if (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
					t.Errorf("got %v, want %q", err, tt.err)
				}
				for _, want := range tt.want {
					if !strings.Contains(out, want) {
						t.Errorf("no %q in\n%s", want, out)
					}
				}
			})
		})
	}
}

type broken struct{}

func (broken) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

// Ctrl-C: no new requests, those on their way are waited for.
func TestAnInterruptionEndsItWithTheSameSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := DefaultOptions()
		opts.Rate, opts.Duration = 20, 0
		ctx, cancel := context.WithTimeout(t.Context(), 3010*time.Millisecond)
		defer cancel()
		out, err := play(t, ctx, opts, &server{takes: 2 * time.Second, threads: make(chan struct{}, 100)})
		if err != nil || !strings.Contains(out, "due        61 within 3.01s\n") || !strings.Contains(out, "status     200: 61\n") {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

func TestWhereNothingAnswersItEndsAtOnce(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // On loopback it does not wait.
	if err != nil {
		t.Fatal(err)
	}
	opts := DefaultOptions()
	opts.URL, opts.Duration = "http://"+listener.Addr().String(), time.Hour
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	app, err := New(opts, &out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Run(t.Context()); err == nil || out.Len() > 0 || !strings.Contains(err.Error(), opts.URL+": nothing answers there: dial tcp") {
		t.Errorf("got %v\n%s", err, out.String())
	}
}

// A Kubernetes Service chooses a pod for each connection.
func TestWithoutKeepAliveEachRequestHasAConnection(t *testing.T) {
	for _, keepAlive := range []bool{false, true} {
		var connections atomic.Int64
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost || r.UserAgent() != "spillway-load" {
				http.Error(w, "who are you", http.StatusForbidden)
			}
		}))
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		}
		s.Start()
		opts := DefaultOptions()
		opts.URL, opts.Rate, opts.Duration, opts.KeepAlive, opts.Method, opts.Concurrency = s.URL, 100, 200*time.Millisecond, keepAlive, http.MethodPost, 1
		var out bytes.Buffer
		app, err := New(opts, &out, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		_ = app.Run(t.Context()) // On a busy machine some are not sent.
		s.Close()
		want := app.results.statuses[http.StatusOK]
		if keepAlive {
			want = min(want, 1)
		}
		if got := connections.Load(); got != want || want == 0 {
			t.Errorf("keep-alive %v: %d connections, want %d\n%s", keepAlive, got, want, out.String())
		}
	}
}

func TestTheKindsOfFailure(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		ctx  context.Context
		err  error
		want string
	}{
		{over, context.Canceled, "timeout"},
		{t.Context(), &net.OpError{Op: "dial", Err: errors.New("refused")}, "no connection"},
		{t.Context(), &net.OpError{Op: "read", Err: errors.New("reset")}, "connection lost"},
	}
	for _, tt := range tests {
		if got := kind(tt.ctx, tt.err); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.err, got, tt.want)
		}
	}
}
