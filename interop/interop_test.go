// Package interop holds the worker against frameworks that other people write endpoints with.
package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"go.uber.org/zap"

	"spillway/internal/consume"
	"spillway/internal/deliver"
	"spillway/internal/emulator"
)

const subscription = "projects/shop/subscriptions/offers"

// record is a line of the app.
type record struct{ ID, Type, Source, Subscription, Data, Tenant string }

// startEmulator runs an emulator and returns a client of it.
func startEmulator(t *testing.T) *pubsub.Client {
	t.Helper()
	opts := emulator.DefaultOptions()
	opts.Listen, opts.Project, opts.Create = "127.0.0.1:0", "shop", []string{"offers:offers"}
	app, err := emulator.New(opts, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	run(t, app.Run)
	t.Setenv("PUBSUB_EMULATOR_HOST", app.Addr())
	client, err := pubsub.NewClient(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// run runs an app until the test has ended.
func run(t *testing.T, app func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- app(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// startFunction runs the app for one of its functions and returns its URL and what it writes.
func startFunction(t *testing.T, program, target string) (url string, lines <-chan record) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	_ = ln.Close() // The framework wants a number.
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), "FUNCTION_TARGET="+target, "PORT="+port)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	records := make(chan record, 1000)
	go func() {
		defer close(records)
		for in := bufio.NewScanner(out); in.Scan(); {
			var r record
			if json.Unmarshal(in.Bytes(), &r) == nil && r.ID != "" {
				records <- r
			}
		}
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return "http://127.0.0.1:" + port + "/", records
}

// startWorker runs a worker that hands everything to target.
func startWorker(t *testing.T, target string, format deliver.Format, concurrency int) {
	t.Helper()
	o := consume.DefaultOptions()
	o.Listen, o.Subscription, o.Target, o.Format = "127.0.0.1:0", subscription, target, format
	o.Concurrency = concurrency
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	app, err := consume.New(t.Context(), o, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	run(t, app.Run)
}

func TestAFunctionOfTheFunctionsFrameworkWorksUnchanged(t *testing.T) {
	program := filepath.Join(t.TempDir(), "function")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./function").CombinedOutput(); err != nil {
		t.Fatalf("building the app: %v\n%s", err, out)
	}
	tests := map[string]struct {
		format      deliver.Format
		concurrency int
		want        record
	}{
		"push": {deliver.Wrapped, 100, record{}},
		// The framework's CloudEvents SDK (v2.16.2) lets requests take each other's events. When a request is answered before
		// it has taken one, another waits for ever: only one at a time is safe.
		"event": {deliver.CloudEvents, 1, record{Type: "google.cloud.pubsub.topic.v1.messagePublished", Source: "//pubsub.googleapis.com/" + subscription}},
	}
	for target, tt := range tests {
		t.Run(target, func(t *testing.T) {
			client := startEmulator(t)
			url, lines := startFunction(t, program, target)
			const n = 100
			request, want := &pubsubpb.PublishRequest{Topic: "projects/shop/topics/offers"}, map[string]record{}
			for i := range n {
				attributes := map[string]string{"tenant": fmt.Sprint("t", i%3)}
				if i%10 == 0 {
					attributes["fail"] = "once"
				}
				request.Messages = append(request.Messages, &pubsubpb.PubsubMessage{Data: fmt.Append(nil, "<offer ", i, ">"), Attributes: attributes})
			}
			answer, err := client.TopicAdminClient.Publish(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			for i, id := range answer.GetMessageIds() {
				r := tt.want
				r.ID, r.Subscription, r.Data, r.Tenant = id, subscription, fmt.Sprint("<offer ", i, ">"), fmt.Sprint("t", i%3)
				want[id] = r
			}
			startWorker(t, url, tt.format, tt.concurrency)
			limit := time.After(time.Minute)
			for range n {
				select {
				case got := <-lines:
					if got != want[got.ID] {
						t.Fatalf("got %+v, want %+v", got, want[got.ID])
					}
					delete(want, got.ID) // Whatever comes twice is wrong.
				case <-limit:
					t.Fatalf("%d messages have not come", len(want))
				}
			}
		})
	}
}
