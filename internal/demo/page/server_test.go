package page

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"spillway/internal/webstyle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// crew takes orders.
type crew struct {
	orders chan Order
	err    error
}

func (c *crew) Direct(_ context.Context, o Order) error {
	if c.err == nil {
		c.orders <- o
	}
	return c.err
}

// serve serves a board and returns where.
func serve(t *testing.T, b *Board, c *crew) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = Handler(b, c, Hosts(server.Listener.Addr()))
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// send makes a request; header holds names and values in turn.
func send(t *testing.T, method, url, body string, header ...string) (status int, head http.Header, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(all)
}

func TestThePageIsWholeAndFetchesNothingFromOutside(t *testing.T) {
	server := serve(t, NewBoard(1), &crew{})
	_, _, index := send(t, http.MethodGet, server.URL+"/", "")
	for _, name := range append(assetNames(), "base.css") {
		status, head, text := send(t, http.MethodGet, server.URL+"/"+name, "")
		if status != http.StatusOK || head.Get("Content-Type") == "" || text == "" {
			t.Errorf("%s: %d, %q, %d bytes", name, status, head.Get("Content-Type"), len(text))
		}
		for _, never := range []string{"https://", "//cdn", "@import url", "eval(", "innerHTML", "document.write"} {
			if strings.Contains(text, never) {
				t.Errorf("%s holds %q", name, never)
			}
		}
		if again, _, _ := send(t, http.MethodGet, server.URL+"/"+name, "", "If-None-Match", head.Get("ETag")); again != http.StatusNotModified {
			t.Errorf("%s: asked again, it answers %d", name, again)
		}
	}
	for _, never := range []string{"style=", "onclick", "<style", "javascript:"} {
		if strings.Contains(index, never) {
			t.Errorf("the page holds %q, which its policy forbids", never)
		}
	}
	if _, _, css := send(t, http.MethodGet, server.URL+"/base.css", ""); css != webstyle.CSS {
		t.Error("the stylesheet is not the shared one")
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	server := serve(t, NewBoard(1), &crew{})
	for _, path := range []string{"/", "/main.js", "/nosuch"} {
		_, head, _ := send(t, http.MethodGet, server.URL+path, "")
		policy := head.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if head.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, head)
		}
	}
}

func TestOnlyThePageItselfGivesOrders(t *testing.T) {
	c := &crew{orders: make(chan Order, 1)}
	server := serve(t, NewBoard(1), c)
	const order = `{"do":"kill","worker":"worker-2"}`
	local := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	tests := []struct {
		name, method, body string
		header             []string
		status             int
	}{
		{"the page", http.MethodPost, order, []string{"Origin", server.URL, "Sec-Fetch-Site", "same-origin"}, http.StatusNoContent},
		{"the page as localhost", http.MethodPost, order, []string{"Host", local[len("http://"):], "Origin", local}, http.StatusNoContent},
		{"a program", http.MethodPost, order, nil, http.StatusNoContent},
		{"another site", http.MethodPost, order, []string{"Origin", "http://evil.example", "Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{"another site, from an old browser", http.MethodPost, order, []string{"Origin", "http://evil.example"}, http.StatusForbidden},
		{"another port of this machine", http.MethodPost, order, []string{"Origin", "http://127.0.0.1:1", "Sec-Fetch-Site", "same-site"}, http.StatusForbidden},
		{"a name that was pointed here", http.MethodPost, order, []string{"Host", "evil.example", "Origin", "http://evil.example"}, http.StatusMisdirectedRequest},
		{"the right name at another port", http.MethodPost, order, []string{"Host", "127.0.0.1:1"}, http.StatusMisdirectedRequest},
		{"a form", http.MethodPost, order, []string{"Content-Type", "text/plain"}, http.StatusUnsupportedMediaType},
		{"by GET", http.MethodGet, "", nil, http.StatusMethodNotAllowed},
		{"no JSON", http.MethodPost, "do=kill", nil, http.StatusBadRequest},
		{"an unknown key", http.MethodPost, `{"do":"kill","signal":9}`, nil, http.StatusBadRequest},
		{"two orders", http.MethodPost, order + order, nil, http.StatusBadRequest},
		{"an unknown action", http.MethodPost, `{"do":"format"}`, nil, http.StatusBadRequest},
		{"too high a rate", http.MethodPost, `{"do":"rate","value":5001}`, nil, http.StatusBadRequest},
		{"no rate", http.MethodPost, `{"do":"rate"}`, nil, http.StatusBadRequest},
		{"a rate of nothing", http.MethodPost, `{"do":"rate","value":null}`, nil, http.StatusBadRequest},
		{"neither on nor off", http.MethodPost, `{"do":"cut","worker":"worker-2"}`, nil, http.StatusBadRequest},
		{"a rate below 0", http.MethodPost, `{"do":"rate","value":-1}`, nil, http.StatusBadRequest},
		{"an unknown policy", http.MethodPost, `{"do":"policy","policy":"cpu"}`, nil, http.StatusBadRequest},
		{"too much", http.MethodPost, `{"do":"kill","worker":"` + strings.Repeat("x", maxOrder) + `"}`, nil, http.StatusRequestEntityTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, _, text := send(t, tt.method, server.URL+"/controls", tt.body, append([]string{"Content-Type", "application/json"}, tt.header...)...)
			if status != tt.status {
				t.Errorf("answered %d %s, want %d", status, text, tt.status)
			}
			if tt.status == http.StatusNoContent {
				if o := <-c.orders; o.Do != ActionKill || o.Worker != "worker-2" {
					t.Errorf("ordered %+v", o)
				}
				return
			}
			select {
			case o := <-c.orders:
				t.Errorf("ordered %+v", o)
			default:
			}
		})
	}
	c.err = errors.New("worker-2 does not serve at the moment")
	status, _, text := send(t, http.MethodPost, server.URL+"/controls", order, "Content-Type", "application/json")
	if status != http.StatusConflict || text != `{"error":"worker-2 does not serve at the moment"}`+"\n" {
		t.Errorf("answered %d %s", status, text)
	}
}

// follow opens the stream and returns its lines.
func follow(t *testing.T, url string) (lines *bufio.Scanner, leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(req) //nolint:bodyclose // leave does.
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("the stream answers %s", answer.Status)
	}
	lines = bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<22)
	return lines, func() { cancel(); _ = answer.Body.Close() }
}

// expectEvent reads lines until an event of that name comes, and returns its data.
func expectEvent(t *testing.T, lines *bufio.Scanner, name string) string {
	t.Helper()
	for lines.Scan() {
		if lines.Text() == "event: "+name && lines.Scan() {
			return strings.TrimPrefix(lines.Text(), "data: ")
		}
	}
	t.Fatalf("the stream ended before an event %s: %v", name, lines.Err())
	return ""
}

func TestTheStream(t *testing.T) {
	b := NewBoard(1)
	server := serve(t, b, &crew{})
	b.Show(at(0, 42))
	lines, leave := follow(t, server.URL)
	if data := expectEvent(t, lines, "history"); !strings.Contains(data, `"points":[[0,0,42,`) || !strings.Contains(data, `"columns":["arriving"`) {
		t.Errorf("history %s", data)
	}
	b.Show(at(time.Second, 43))
	if data := expectEvent(t, lines, "frame"); !strings.Contains(data, `[0,0,43,`) || strings.Contains(data, "columns") {
		t.Errorf("frame %s", data)
	}
	leave()

	lines, leave = follow(t, server.URL) // Who comes back gets the history again.
	defer leave()
	expectEvent(t, lines, "history")
	b.End("lost 0\n")
	if data := expectEvent(t, lines, "over"); data != `{"summary":"lost 0\n"}` {
		t.Errorf("over %s", data)
	}
	for lines.Scan() {
		if lines.Text() != "" {
			t.Errorf("after the end comes %q", lines.Text())
		}
	}
}

func TestTheNumberOfStreamsIsBounded(t *testing.T) {
	server := serve(t, NewBoard(1), &crew{})
	for range maxStreams {
		lines, leave := follow(t, server.URL)
		defer leave()
		expectEvent(t, lines, "history")
	}
	if status, _, _ := send(t, http.MethodGet, server.URL+"/events", ""); status != http.StatusServiceUnavailable {
		t.Errorf("one more answers %d", status)
	}
}

func FuzzReadOrder(f *testing.F) {
	f.Add(`{"do":"rate","value":300}`)
	f.Add(`{"do":"policy","policy":"desired"}`)
	f.Fuzz(func(t *testing.T, body string) {
		o, err := readOrder(strings.NewReader(body))
		if err == nil && o.validate() != nil {
			t.Fatalf("%q is read as %+v, which is not valid", body, o)
		}
	})
}
