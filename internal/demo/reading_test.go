package demo

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"spillway/internal/demo/page"
)

const exporterPage = `# TYPE stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_num_undelivered_messages gauge
stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_num_undelivered_messages{project_id="spillway-demo",subscription_id="opera-sellingoffer-v1",unit="1"} 41000
# TYPE pubsub_subscription_num_undelivered_messages_sample_age_seconds gauge
pubsub_subscription_num_undelivered_messages_sample_age_seconds{project_id="spillway-demo",subscription_id="opera-sellingoffer-v1"} 41.5
# TYPE pubsub_subscription_num_undelivered_messages_sample_state gauge
pubsub_subscription_num_undelivered_messages_sample_state{project_id="spillway-demo",state="held",subscription_id="opera-sellingoffer-v1"} 1
# TYPE pubsub_subscription_backlog_messages gauge
pubsub_subscription_backlog_messages{project_id="spillway-demo",subscription_id="opera-sellingoffer-v1"} 43210
# TYPE pubsub_subscription_desired_replicas gauge
pubsub_subscription_desired_replicas{project_id="spillway-demo",subscription_id="opera-sellingoffer-v1"} 14.6
`

// staged is a stage whose exporter answers with a page.
func staged(t *testing.T, page string) *stage {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/metrics":
			_, _ = io.WriteString(w, page)
		case "/explain":
			_, _ = io.WriteString(w, "Desired replicas of "+r.FormValue("subscription"))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	client := server.Client()
	t.Cleanup(client.CloseIdleConnections)
	return &stage{flow: sellingOffers(), client: client, exporter: &child{address: server.Listener.Addr().String()}}
}

func TestTheReadingOfTheExporter(t *testing.T) {
	s := staged(t, exporterPage)
	r := s.read(t.Context())
	if r.monitoring != 41000 || r.estimate != 43210 || r.desired != 14.6 || r.state != stateHeld || r.age != 41500*time.Millisecond {
		t.Errorf("got %+v", r)
	}
	if r.level() != messagesOf(41000) || r.held() != 1 {
		t.Errorf("level %+v, held %v", r.level(), r.held())
	}
	if got := s.explain(t.Context()); got != "Desired replicas of projects/spillway-demo/subscriptions/opera-sellingoffer-v1" {
		t.Errorf("explained as %q", got)
	}
	for _, tt := range []struct {
		policy string
		want   float64
	}{{policyBacklog, 41000}, {policyDesired, 14.6}} {
		if got, err := s.readPolicy(t.Context(), policyOf(tt.policy, defaultPace)); got != tt.want || err != nil {
			t.Errorf("%s: %g, %v", tt.policy, got, err)
		}
	}
}

func TestWhatTheExporterDoesNotSayIsUnknown(t *testing.T) {
	for name, text := range map[string]string{"an empty page": "", "no page of metrics": "<html>"} {
		r := staged(t, text).read(t.Context())
		if r.level().Known || r.monitoring.Known() || r.estimate.Known() || r.desired.Known() || r.held() != 0 {
			t.Errorf("%s: got %+v", name, r)
		}
	}
}

func TestAReadingInWords(t *testing.T) {
	tests := []struct {
		r    reading
		want string
	}{
		{unread(), "The exporter does not answer."},
		{reading{state: stateFresh, monitoring: 41000, age: 14 * time.Second}, "Monitoring shows 41,000 messages, true 14 s ago."},
		{reading{state: stateHeld, monitoring: 41000, age: 31 * time.Second}, "Monitoring has a gap: the last value, 41,000 messages of 31 s ago, is held."},
		{
			reading{state: "absent", monitoring: page.Unknown(), reason: "region_missing"},
			"Monitoring shows nothing that may be believed, which is not 0: the autoscaler keeps the replicas that there are (region missing).",
		},
		{
			reading{state: "absent", monitoring: page.Unknown()},
			"Monitoring shows nothing that may be believed, which is not 0: the autoscaler keeps the replicas that there are.",
		},
	}
	for _, tt := range tests {
		if got := tt.r.words(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
