package redrive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"spillway/internal/backlog"
	"spillway/internal/config"
	"spillway/internal/emulator"
	"spillway/internal/redrive"
)

func TestMain(m *testing.M) {
	// The Pub/Sub client's OpenCensus starts a worker when it is imported, for the life of the process.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"))
}

// startEmulator runs an emulator with the topics offers and dead, each with a subscription of its name.
func startEmulator(t *testing.T) *pubsub.Client {
	t.Helper()
	opts := emulator.DefaultOptions()
	opts.Listen, opts.Project, opts.Create = "127.0.0.1:0", "shop", []string{"offers:offers", "dead:dead"}
	app, err := emulator.New(opts, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		if err := app.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(running.Wait)
	t.Cleanup(cancel)
	t.Setenv("PUBSUB_EMULATOR_HOST", app.Addr())
	client, err := pubsub.NewClient(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// bury publishes n letters as a worker does.
func bury(t *testing.T, client *pubsub.Client, n int, reason string) {
	t.Helper()
	request := &pubsubpb.PublishRequest{Topic: "projects/shop/topics/dead"}
	for i := range n {
		request.Messages = append(request.Messages, &pubsubpb.PubsubMessage{
			Data: fmt.Appendf(nil, "%s %d", reason, i), OrderingKey: "CH",
			Attributes: map[string]string{
				"country": "CH", backlog.LetterReason: reason, backlog.LetterSubscription: "projects/shop/subscriptions/offers", backlog.LetterAttempt: "3",
			},
		})
	}
	if _, err := client.TopicAdminClient.Publish(t.Context(), request); err != nil {
		t.Fatal(err)
	}
}

// drain pulls and acks everything that a subscription has.
func drain(t *testing.T, client *pubsub.Client, subscription string) map[string]map[string]string {
	t.Helper()
	name, got := "projects/shop/subscriptions/"+subscription, map[string]map[string]string{}
	for {
		answer, err := client.SubscriptionAdminClient.Pull(t.Context(), &pubsubpb.PullRequest{
			Subscription: name, MaxMessages: 1000, ReturnImmediately: true, //nolint:staticcheck // What is there now.
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.GetReceivedMessages()) == 0 {
			return got
		}
		var ids []string
		for _, m := range answer.GetReceivedMessages() {
			if m.GetMessage().GetOrderingKey() != "CH" {
				t.Errorf("the ordering key is %q", m.GetMessage().GetOrderingKey())
			}
			got[string(m.GetMessage().GetData())] = m.GetMessage().GetAttributes()
			ids = append(ids, m.GetAckId())
		}
		if err := client.SubscriptionAdminClient.Acknowledge(t.Context(), &pubsubpb.AcknowledgeRequest{Subscription: name, AckIds: ids}); err != nil {
			t.Fatal(err)
		}
	}
}

// run moves dead letters and returns what is printed.
func run(t *testing.T, change func(*redrive.Options)) (string, error) {
	t.Helper()
	opts := redrive.Options{Project: "shop", Subscription: "dead", Topic: "offers", Idle: time.Second}
	change(&opts)
	var out, progress bytes.Buffer
	app, err := redrive.New(t.Context(), opts, &out, &progress, zap.NewNop())
	if err != nil {
		return "", err
	}
	err = app.Run(t.Context())
	return out.String(), err
}

func TestEveryLetterIsMovedAsTheMessageItWas(t *testing.T) {
	client := startEmulator(t)
	bury(t, client, 700, "bad price")
	out, err := run(t, func(*redrive.Options) {})
	if err != nil || !strings.Contains(out, "moved       700 to projects/shop/topics/offers\ngiven back  0\n") {
		t.Fatalf("%v, printed:\n%s", err, out)
	}
	got := drain(t, client, "offers")
	want := map[string]string{"country": "CH", backlog.RedriveCount: "1"}
	if diff := cmp.Diff(want, got["bad price 699"]); diff != "" || len(got) != 700 {
		t.Errorf("%d came; attributes (-want +got):\n%s", len(got), diff)
	}
	if left := drain(t, client, "dead"); len(left) != 0 {
		t.Errorf("%d letters are left", len(left))
	}
}

func TestADryRunMovesNothingAndSaysWhatItSaw(t *testing.T) {
	client := startEmulator(t)
	bury(t, client, 20, "bad price")
	bury(t, client, 3, "no\npicture\x1b[31m")
	out, err := run(t, func(o *redrive.Options) { o.DryRun = true })
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"would move  23 to projects/shop/topics/offers", "20       projects/shop/subscriptions/offers  bad price",
		"3        projects/shop/subscriptions/offers  no picture [31m",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in:\n%s", want, out)
		}
	}
	if got := drain(t, client, "offers"); len(got) != 0 {
		t.Errorf("%d were moved", len(got))
	}
	if left := drain(t, client, "dead"); len(left) != 23 {
		t.Errorf("%d of 23 letters are left", len(left))
	}
}

func TestTheLimitIsKept(t *testing.T) {
	for _, dry := range []bool{false, true} {
		t.Run(fmt.Sprintf("dry run %v", dry), func(t *testing.T) {
			client := startEmulator(t)
			bury(t, client, 50, "bad price")
			begin := time.Now()
			out, err := run(t, func(o *redrive.Options) { o.Limit, o.DryRun, o.Idle = 10, dry, time.Minute })
			if err != nil || !strings.Contains(out, "move") || time.Since(begin) > 30*time.Second {
				t.Fatalf("%v after %s, printed:\n%s", err, time.Since(begin), out)
			}
			moved := 10
			if dry {
				moved = 0
			}
			if got := drain(t, client, "offers"); len(got) != moved {
				t.Errorf("%d were moved", len(got))
			}
			if left := drain(t, client, "dead"); len(left) != 50-moved {
				t.Errorf("%d are left", len(left))
			}
		})
	}
}

func TestALetterThatCannotBePublishedStays(t *testing.T) {
	client := startEmulator(t)
	request := &pubsubpb.PublishRequest{Topic: "projects/shop/topics/dead", Messages: []*pubsubpb.PubsubMessage{{Data: make([]byte, 9_999_990), OrderingKey: "CH"}}}
	if _, err := client.TopicAdminClient.Publish(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	// With the count of redrives the message is above the service's 10 MB.
	opts := redrive.Options{Project: "shop", Subscription: "dead", Topic: "offers", Idle: time.Second}
	var out, progress bytes.Buffer
	app, err := redrive.New(t.Context(), opts, &out, &progress, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Run(t.Context()); err == nil {
		t.Fatalf("no error; printed:\n%s", out.String())
	}
	if left := drain(t, client, "dead"); len(left) != 1 {
		t.Errorf("%d of 1 letters are left", len(left))
	}
}

func TestNothingIsTouchedWhenOneOfTheEndsIsWrong(t *testing.T) {
	tests := map[string]struct {
		change func(*redrive.Options)
		want   []string
	}{
		"the letters' own topic":           {func(o *redrive.Options) { o.Topic = "dead" }, []string{`--topic "dead": is the topic that projects/shop/subscriptions/dead subscribes to`}},
		"a topic that does not exist":      {func(o *redrive.Options) { o.Topic = "ofers" }, []string{"projects/shop/topics/ofers does not exist"}},
		"neither of the two exists":        {func(o *redrive.Options) { o.Topic, o.Subscription = "ofers", "ded" }, []string{"projects/shop/topics/ofers", "projects/shop/subscriptions/ded"}},
		"a subscription that is not there": {func(o *redrive.Options) { o.Subscription = "ded" }, []string{"projects/shop/subscriptions/ded"}},
	}
	client := startEmulator(t)
	bury(t, client, 5, "bad price")
	for name, tt := range tests {
		for _, dry := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, dry run %v", name, dry), func(t *testing.T) {
				begin := time.Now()
				out, err := run(t, func(o *redrive.Options) { tt.change(o); o.DryRun = dry })
				if err == nil || out != "" || time.Since(begin) > 5*time.Second {
					t.Fatalf("%v after %s, printed:\n%s", err, time.Since(begin), out)
				}
				for _, want := range tt.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q is not in:\n%v", want, err)
					}
				}
			})
		}
	}
	for id, attributes := range drain(t, client, "dead") {
		if attributes[backlog.LetterReason] != "bad price" {
			t.Errorf("%s became %v", id, attributes)
		}
	}
}

func TestAMissingSubscriptionIsAnError(t *testing.T) {
	startEmulator(t)
	_, err := run(t, func(o *redrive.Options) { o.Subscription = "gone" })
	if err == nil || !strings.Contains(err.Error(), "projects/shop/subscriptions/gone") {
		t.Fatalf("got %v", err)
	}
}

func TestTheCountOfRedrivesGrows(t *testing.T) {
	client := startEmulator(t)
	for want := range 3 {
		request := &pubsubpb.PublishRequest{Topic: "projects/shop/topics/dead", Messages: []*pubsubpb.PubsubMessage{{
			Data: []byte("x"), OrderingKey: "CH", Attributes: map[string]string{backlog.RedriveCount: fmt.Sprint(want)},
		}}}
		if _, err := client.TopicAdminClient.Publish(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		if _, err := run(t, func(*redrive.Options) {}); err != nil {
			t.Fatal(err)
		}
		if got := drain(t, client, "offers")["x"][backlog.RedriveCount]; got != fmt.Sprint(want+1) {
			t.Errorf("after %d it is %s", want, got)
		}
	}
}

func TestEveryFaultIsToldAtOnce(t *testing.T) {
	_, err := run(t, func(o *redrive.Options) { *o = redrive.Options{Topic: "projects/p/subscriptions/s", Limit: -1} })
	if _, ok := errors.AsType[*config.Error](err); !ok {
		t.Fatalf("%v is not a config.Error", err)
	}
	for _, want := range []string{"--subscription: is required", "--topic \"projects/p/subscriptions/s\"", "--limit \"-1\": is negative", "--idle \"0s\": is out of range"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in:\n%v", want, err)
		}
	}
}
