package interop

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"go.uber.org/zap"

	"spillway/internal/consume"
	"spillway/internal/deliver"
)

// startTarget runs a target of examples/targets and returns its URL and the lines that it writes.
func startTarget(t *testing.T, command ...string) (url string, lines <-chan string) {
	t.Helper()
	if _, err := exec.LookPath(command[0]); err != nil {
		t.Skip("SKIP-VISIBLE: " + command[0] + " is not on this machine")
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	_ = ln.Close() // The target wants a number.
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "PORT="+port)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1000)
	go func() {
		defer close(found)
		for in := bufio.NewScanner(out); in.Scan(); {
			found <- in.Text()
		}
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return "http://127.0.0.1:" + port + "/", found
}

// pullOne waits for a message.
func pullOne(t *testing.T, client *pubsub.Client, subscription string) *pubsubpb.PubsubMessage {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		answer, err := client.SubscriptionAdminClient.Pull(t.Context(), &pubsubpb.PullRequest{Subscription: subscription, MaxMessages: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range answer.GetReceivedMessages() {
			return m.GetMessage()
		}
	}
	t.Fatalf("nothing comes from %s", subscription)
	return nil
}

func TestTheExamplesInOtherLanguagesHandleEveryMessageOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		command []string
		format  deliver.Format
	}{
		"Python": {[]string{"python3", "../examples/targets/target.py"}, deliver.Wrapped},
		"Node":   {[]string{"node", "../examples/targets/target.mjs"}, deliver.Wrapped},
		"Java":   {[]string{"java", "../examples/targets/Target.java"}, deliver.Unwrapped},
	} {
		t.Run(name, func(t *testing.T) {
			url, lines := startTarget(t, tt.command...)
			client := startEmulator(t)
			if _, err := client.TopicAdminClient.CreateTopic(t.Context(), &pubsubpb.Topic{Name: "projects/shop/topics/dead"}); err != nil {
				t.Fatal(err)
			}
			const letters = "projects/shop/subscriptions/dead"
			if _, err := client.SubscriptionAdminClient.CreateSubscription(t.Context(), &pubsubpb.Subscription{Name: letters, Topic: "projects/shop/topics/dead"}); err != nil {
				t.Fatal(err)
			}
			const n = 100
			request := &pubsubpb.PublishRequest{Topic: "projects/shop/topics/offers", Messages: []*pubsubpb.PubsubMessage{{Data: []byte("not an offer")}}}
			for i := range n {
				request.Messages = append(request.Messages, &pubsubpb.PubsubMessage{Data: fmt.Appendf(nil, `{"price":%d}`, i)})
			}
			answer, err := client.TopicAdminClient.Publish(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{}
			for i, id := range answer.GetMessageIds()[1:] {
				want[fmt.Sprint(id, " ", i)] = true
			}
			o := consume.DefaultOptions()
			o.Listen, o.Subscription, o.Target, o.Format = "127.0.0.1:0", subscription, url, tt.format
			o.DeadLetterTopic = "projects/shop/topics/dead"
			if err := o.Validate(); err != nil {
				t.Fatal(err)
			}
			app, err := consume.New(t.Context(), o, zap.NewNop())
			if err != nil {
				t.Fatal(err)
			}
			run(t, app.Run)
			limit := time.After(time.Minute)
			for range n {
				select {
				case line := <-lines:
					if !want[line] {
						t.Fatalf("got %q", line)
					}
					delete(want, line) // Whatever comes twice is wrong.
				case <-limit:
					t.Fatalf("%d messages have not come", len(want))
				}
			}
			dead := pullOne(t, client, letters)
			if got := string(dead.GetData()); got != "not an offer" {
				t.Errorf("the dead letter is %q", got)
			}
			reasons := fmt.Sprint(dead.GetAttributes())
			if !strings.Contains(reasons, map[string]string{"Python": "Expecting value", "Node": "is not valid JSON", "Java": "no price"}[name]) {
				t.Errorf("its attributes are %s", reasons)
			}
		})
	}
}
