package consume_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/consume"
	"spillway/internal/webstyle"
)

// rows reads the page of a worker with one flow; nil while it does not answer.
func rows(t *testing.T, addr string) map[string]string {
	t.Helper()
	status, body := get(t, "http://"+addr+"/", "")
	if status != http.StatusOK {
		return nil
	}
	all := map[string]string{}
	for line := range strings.Lines(body) {
		if name, value, ok := strings.Cut(line, "  "); ok {
			all[name] = strings.TrimSpace(value)
		}
	}
	return all
}

func TestThePageSaysWhetherMessagesAreTaken(t *testing.T) {
	client := startEmulator(t, "offers:offers")
	target := newFragile(t, 3*time.Second)
	addr, stop := startWorker(t, func(o *consume.Options) { o.Target = target.url() })
	const away = "no: the target does not take messages: "
	expect := func(what, stream, taking, because string) {
		t.Helper()
		eventually(t, what, func() bool {
			got := rows(t, addr)
			return got["stream"] == stream && strings.HasPrefix(got["taking messages"], taking) && strings.Contains(got["taking messages"], because)
		})
	}
	expect("the target has never answered", "paused", away, "refused")
	target.up()
	expect("it has", "ok", "ok", "")
	target.down()
	publish(t, client, "offers", 3)
	expect("it went away", "paused", away, "refused")
	eventually(t, "messages are held", func() bool { got := rows(t, addr); return got["in flight"] == "0 of 100" && got["held back"] != "0" })
	target.up()
	expect("it is back", "ok", "ok", "")
	eventually(t, "the messages are under way", func() bool { return rows(t, addr)["in flight"] == "3 of 100" })
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	expect("the worker drains", "closed", "no: ", "draining")
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestThePageSaysThatTheSubscriptionIsMissing(t *testing.T) {
	startEmulator(t, "offers")
	addr, _ := startWorker(t, func(o *consume.Options) { o.Target, o.Handler = "", "discard" })
	eventually(t, "no messages are taken", func() bool {
		got := rows(t, addr)["taking messages"]
		return strings.HasPrefix(got, "no: ") && strings.Contains(got, "does not exist")
	})
}

func TestThePageHasNoRowsOfWhatAFlowDoesNotHave(t *testing.T) {
	startEmulator(t, "offers:offers")
	addr, _ := startWorker(t, func(o *consume.Options) { o.Target, o.Handler, o.Receive = "", "discard", "push" })
	var got map[string]string
	eventually(t, "the page is there", func() bool { got = rows(t, addr); return got != nil })
	want := map[string]string{
		"name": "offers", "receives by": "push", "handlers": "ok", "taking messages": "ok", "in flight": "0 of 100", "held back": "0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestThePageHasTheLookThatItsPolicyLetsIn(t *testing.T) {
	startEmulator(t, "offers:offers")
	addr, _ := startWorker(t, func(o *consume.Options) { o.Target, o.Handler = "", "discard" })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := answer.Header.Get("Content-Security-Policy"); got != webstyle.Policy() {
		t.Errorf("policy %q", got)
	}
	for _, want := range []string{"<style>" + webstyle.CSS + "</style>", `<th scope="row">taking messages</th>`, `<td class="good">ok</td>`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
}
