package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"spillway/internal/pull"
	"spillway/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m, main) }

// TestASignalEndsTheReadingOfAFileThatNeverComes: nothing has begun that were to be ended in order.
func TestASignalEndsTheReadingOfAFileThatNeverComes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flows.yaml")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	p := testenv.Start(t, nil, "--config="+path)
	silent, err := os.OpenFile(path, os.O_WRONLY, 0) // Returns once the worker reads.
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	p.Signal(t, syscall.SIGTERM)
	if code := p.Wait(t); code != -1 || p.Stderr() != "" {
		t.Errorf("exit %d, %s; want that of the signal", code, p.Stderr())
	}
}

func TestBadInputIsOneClearLineEachAndNothingStarts(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	const sub = "--subscription=projects/shop/subscriptions/offers"
	noEmulator := pull.EmulatorVariable + "=127.0.0.1:9"
	emulatorThere := pull.EmulatorVariable + "=" + taken.Addr().String()
	tests := []struct {
		name string
		env  []string
		args []string
		code int
		want []string // one line each
	}{
		{"an unknown flag", nil, []string{"--subscripton=x"}, 2, []string{"--subscripton: there is no such flag; did you mean --subscription?", "--target: is required"}},
		{"values that do not parse", nil, []string{"--concurrency=abc", "--subscription=s", "--max-rate=x"}, 2, []string{
			`--concurrency "abc": is not a valid whole number`, `--max-rate "x": is not a valid number`, `--subscription "s": not a subscription`, "--target: is required",
		}},
		{"an empty file name", nil, []string{"--config=", "--streams=x"}, 2, []string{`--streams "x": is not a valid whole number`, "--config: is empty; give the path of a YAML file, or leave it out"}},
		{"a file that is not there", nil, []string{"--config=no file"}, 2, []string{`--config "no file": cannot be read: no such file or directory; give the path of a YAML file`}},
		{"flags of redrive", nil, []string{"redrive", sub, "--topic=projects/shop/topics/offers", "--limit=-1", "--log-level=loud", "--log-format=xml"}, 2, []string{
			`--limit "-1": is negative`, `--log-level "loud": is not a level`, `--log-format "xml": is not a format`,
		}},
		{"nothing at all", nil, nil, 2, []string{"--subscription: is required", "--target: is required"}},
		{"a malformed subscription and a bad number", nil, []string{"--subscription=a/b", "--handler=discard", "--concurrency=0"}, 2, []string{`--subscription "a/b": not a subscription`, `--concurrency "0": is out of range`}},
		{"an address that is none", nil, []string{sub, "--handler=discard", "--listen=eighty"}, 2, []string{`--listen "eighty": is not an address`}},
		{"missing credentials", nil, []string{sub, "--handler=discard", "--listen=127.0.0.1:0"}, 1, []string{"; run `gcloud auth application-default login`"}},
		{"credentials that are not there", []string{"GOOGLE_APPLICATION_CREDENTIALS=/no/such/file"}, []string{sub, "--handler=discard", "--listen=127.0.0.1:0"}, 2, []string{`GOOGLE_APPLICATION_CREDENTIALS "/no/such/file": is not a credentials file`}},
		{"an emulator that is not there", []string{noEmulator}, []string{sub, "--handler=discard", "--listen=127.0.0.1:0"}, 1, []string{`PUBSUB_EMULATOR_HOST "127.0.0.1:9": nothing answers there; start an emulator`}},
		{"an emulator's URL", []string{pull.EmulatorVariable + "=http://127.0.0.1:8085"}, []string{sub, "--handler=discard", "--listen=127.0.0.1:0"}, 2, []string{`PUBSUB_EMULATOR_HOST "http://127.0.0.1:8085": is not an address; give host:port`}},
		{"a port in use", []string{emulatorThere}, []string{sub, "--handler=discard", "--listen=" + taken.Addr().String()}, 1, []string{"the port is in use; stop the program that holds it or choose another port"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := testenv.Start(t, tt.env, tt.args...)
			code := p.Wait(t)
			lines := strings.Split(strings.TrimSpace(p.Stderr()), "\n")
			if code != tt.code || len(lines) != len(tt.want) {
				t.Fatalf("exit %d:\n%s\nwant %d and the lines %q", code, p.Stderr(), tt.code, tt.want)
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(lines[i], "worker: ") || !strings.Contains(lines[i], want) {
					t.Errorf("line %d is %q, want %q in it", i+1, lines[i], want)
				}
			}
		})
	}
}

// ledger is an HTTP target in another process than the worker. It notes how often each message came.
type ledger struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]int
	more chan struct{} // a token after each message
}

func newLedger(t *testing.T) *ledger {
	t.Helper()
	l := &ledger{seen: map[string]int{}, more: make(chan struct{}, 1)}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Message struct{ MessageID string } }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		l.mu.Lock()
		l.seen[body.Message.MessageID]++
		l.mu.Unlock()
		select {
		case l.more <- struct{}{}:
		default:
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(l.Close)
	return l
}

// wait returns when n different messages have come.
func (l *ledger) wait(t *testing.T, n int) {
	t.Helper()
	for timeout := time.After(2 * time.Minute); ; {
		l.mu.Lock()
		have := len(l.seen)
		l.mu.Unlock()
		if have >= n {
			return
		}
		select {
		case <-l.more:
		case <-timeout:
			t.Fatalf("%d of %d messages came", have, n)
		}
	}
}

// expectEachOnce compares what came with what was published.
func (l *ledger) expectEachOnce(t *testing.T, published []string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	lost, duplicated := 0, 0
	for _, id := range published {
		switch n := l.seen[id]; {
		case n == 0:
			lost++
		case n > 1:
			duplicated++
		}
	}
	t.Logf("published %d, handled %d, lost %d, duplicated %d", len(published), len(l.seen), lost, duplicated)
	if lost > 0 || duplicated > 0 || len(l.seen) != len(published) {
		t.Error("lost and duplicated must be 0, and nothing else may come")
	}
}

// fill makes a topic with a subscription on the server and publishes n messages; it returns their IDs.
func fill(t *testing.T, host, project string, n int) []string {
	t.Helper()
	t.Setenv(pull.EmulatorVariable, host)
	client, err := pubsub.NewClient(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	topic := "projects/" + project + "/topics/offers"
	if _, err := client.TopicAdminClient.CreateTopic(t.Context(), &pubsubpb.Topic{Name: topic}); err != nil {
		t.Fatal(err)
	}
	_, err = client.SubscriptionAdminClient.CreateSubscription(t.Context(), &pubsubpb.Subscription{
		Name: "projects/" + project + "/subscriptions/offers", Topic: topic, AckDeadlineSeconds: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	return publishAll(t.Context(), t, client.Publisher(topic), n)
}

func publishAll(ctx context.Context, t *testing.T, p *pubsub.Publisher, n int) []string {
	t.Helper()
	defer p.Stop()
	results := make([]*pubsub.PublishResult, n)
	for i := range results {
		results[i] = p.Publish(ctx, &pubsub.Message{Data: fmt.Appendf(nil, "offer %d", i)})
	}
	ids := make([]string, n)
	for i, r := range results {
		id, err := r.Get(ctx)
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = id
	}
	return ids
}

// TestDrainsTheOfficialEmulator holds the worker against a server that is not ours, which ignores flow control and
// answers no pings.
func TestDrainsTheOfficialEmulator(t *testing.T) {
	host := testenv.OfficialEmulator(t)
	const n = 10_000
	start := func(t *testing.T, project, target string) *testenv.Program {
		t.Helper()
		return testenv.Start(t, []string{pull.EmulatorVariable + "=" + host}, "--log-format=json", "--listen=127.0.0.1:0",
			"--project="+project, "--subscription=offers", "--target="+target, "--concurrency=50", "--drain-limit=20s")
	}
	t.Run("in one run", func(t *testing.T) {
		target := newLedger(t)
		ids := fill(t, host, "one-run", n)
		p := start(t, "one-run", target.URL)
		target.wait(t, n)
		p.Signal(t, syscall.SIGTERM)
		if code := p.Wait(t); code != 0 {
			t.Errorf("exit %d: %s", code, p.Stderr())
		}
		target.expectEachOnce(t, ids)
	})
	t.Run("across a SIGTERM in the middle", func(t *testing.T) {
		target := newLedger(t)
		ids := fill(t, host, "two-runs", n)
		first := start(t, "two-runs", target.URL)
		target.wait(t, n/3)
		first.Signal(t, syscall.SIGTERM)
		if code := first.Wait(t); code != 0 {
			t.Errorf("exit %d: %s", code, first.Stderr())
		}
		second := start(t, "two-runs", target.URL)
		target.wait(t, n)
		second.Signal(t, syscall.SIGTERM)
		second.Wait(t)
		target.expectEachOnce(t, ids)
	})
}
