package emulator_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap"

	"spillway/internal/emulator"
)

func call(t testing.TB, app *emulator.App, method, path, body string) (status int, decoded map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+app.Addr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &decoded); err != nil {
		t.Fatalf("%s %s answered %d %q: %v", method, path, res.StatusCode, b, err)
	}
	return res.StatusCode, decoded
}

func expectOK(t testing.TB, app *emulator.App, method, path, body string) map[string]any {
	t.Helper()
	status, decoded := call(t, app, method, path, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s answered %d %v", method, path, status, decoded)
	}
	return decoded
}

func TestRESTServesTheMainWay(t *testing.T) {
	app := start(t)
	expectOK(t, app, "PUT", "/v1/projects/demo/topics/rest", `{"labels":{"a":"b"}}`)
	expectOK(t, app, "PUT", "/v1/projects/demo/subscriptions/resting?alt=json",
		`{"topic":"projects/demo/topics/rest","ackDeadlineSeconds":20}`)
	published := expectOK(t, app, "POST", "/v1/projects/demo/topics/rest:publish",
		`{"messages":[{"data":"aGVsbG8=","attributes":{"k":"v"}},{"data":"d29ybGQ="}]}`)
	if ids, _ := published["messageIds"].([]any); len(ids) != 2 {
		t.Fatalf("published %v", published)
	}
	pulled := expectOK(t, app, "POST", "/v1/projects/demo/subscriptions/resting:pull", `{"maxMessages":10}`)
	received, _ := pulled["receivedMessages"].([]any)
	if len(received) != 2 {
		t.Fatalf("pulled %v", pulled)
	}
	first, _ := received[0].(map[string]any)
	message, _ := first["message"].(map[string]any)
	if message["data"] != "aGVsbG8=" || message["messageId"] == "" || message["publishTime"] == "" {
		t.Errorf("message %v", message)
	}
	ackID, _ := first["ackId"].(string)
	expectOK(t, app, "POST", "/v1/projects/demo/subscriptions/resting:acknowledge", `{"ackIds":["`+ackID+`"]}`)
	if _, body := get(t, app, "/metrics"); !strings.Contains(body, `backlog_messages{project_id="demo",subscription_id="resting"} 1`) {
		t.Error("the backlog is not 1")
	}
	updated := expectOK(t, app, "PATCH", "/v1/projects/demo/subscriptions/resting",
		`{"subscription":{"ackDeadlineSeconds":30},"updateMask":"ackDeadlineSeconds"}`)
	if updated["ackDeadlineSeconds"] != 30.0 {
		t.Errorf("updated %v", updated)
	}
	listed := expectOK(t, app, "GET", "/v1/projects/demo/topics?pageSize=1", "")
	if topics, _ := listed["topics"].([]any); len(topics) != 1 || listed["nextPageToken"] == "" {
		t.Errorf("listed %v", listed)
	}
	allowed := expectOK(t, app, "POST", "/v1/projects/demo/topics/rest:testIamPermissions", `{"permissions":["pubsub.topics.publish"]}`)
	if granted, _ := allowed["permissions"].([]any); len(granted) != 1 {
		t.Errorf("granted %v", allowed)
	}
	expectOK(t, app, "DELETE", "/v1/projects/demo/subscriptions/resting", "")
}

func TestStoppingEndsAPullThatWaits(t *testing.T) {
	opts := emulator.DefaultOptions()
	opts.Listen, opts.Create = "127.0.0.1:0", []string{"orders:billing"}
	app, err := emulator.New(opts, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		call(t, app, "POST", "/v1/"+subName+":pull", `{"maxMessages":1}`)
	}()
	for metrics := ""; !strings.Contains(metrics, `emulator_subscription_streams{project_id="demo",subscription_id="billing"} 1`); {
		_, metrics = get(t, app, "/metrics")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	<-answered
}

func TestRESTServesMonitoring(t *testing.T) {
	app := start(t)
	descriptors := expectOK(t, app, "GET", "/v3/projects/demo/metricDescriptors", "")
	if list, _ := descriptors["metricDescriptors"].([]any); len(list) == 0 {
		t.Fatalf("descriptors %v", descriptors)
	}
}

func TestRESTErrorsHaveTheServicesForm(t *testing.T) {
	app := start(t)
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		code, text         string
	}{
		"missing":       {"GET", "/v1/projects/demo/topics/other", "", 404, "NOT_FOUND", "other"},
		"existing":      {"PUT", "/v1/projects/demo/topics/orders", "{}", 409, "ALREADY_EXISTS", "orders"},
		"bad name":      {"PUT", "/v1/projects/demo/topics/x", "{}", 400, "INVALID_ARGUMENT", "name"},
		"not a text":    {"PUT", "/v1/projects/demo/topics/%ff%00", "{}", 400, "INVALID_ARGUMENT", "field name"},
		"no query":      {"GET", "/v1/projects/demo/topics?pageToken=%ff", "", 400, "INVALID_ARGUMENT", "field page_token"},
		"a nested one":  {"PATCH", "/v1/projects/demo/topics/%ff", `{"updateMask":"labels"}`, 400, "INVALID_ARGUMENT", "field topic.name"},
		"no messages":   {"POST", "/v1/projects/demo/topics/orders:publish", "{}", 400, "INVALID_ARGUMENT", "messages"},
		"not JSON":      {"POST", "/v1/projects/demo/topics/orders:publish", "{", 400, "INVALID_ARGUMENT", ""},
		"unknown field": {"POST", "/v1/projects/demo/topics/orders:publish", `{"message":[]}`, 400, "INVALID_ARGUMENT", "message"},
		"no such path":  {"GET", "/v1/nowhere", "", 404, "NOT_FOUND", ""},
		"snapshots":     {"GET", "/v1/projects/demo/snapshots/one", "", 501, "UNIMPLEMENTED", "GetSnapshot"},
		"schemas":       {"GET", "/v1/projects/demo/schemas", "", 501, "UNIMPLEMENTED", "ListSchemas"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := call(t, app, test.method, test.path, test.body)
			inner, _ := body["error"].(map[string]any)
			text, _ := inner["message"].(string)
			if status != test.status || inner["status"] != test.code || inner["code"] != float64(status) || !strings.Contains(text, test.text) {
				t.Errorf("got %d %v", status, body)
			}
		})
	}
}
