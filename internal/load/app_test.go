package load

import (
	"bytes"
	"context"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// topicServer serves one topic over gRPC.
type topicServer struct {
	pubsubpb.UnimplementedPublisherServer
	server
}

func (s *topicServer) Publish(ctx context.Context, req *pubsubpb.PublishRequest) (*pubsubpb.PublishResponse, error) {
	if req.GetTopic() != offers().String() {
		return nil, status.Error(codes.NotFound, "Resource not found\n(resource=x).")
	}
	return s.server.Publish(ctx, req)
}

func serve(t testing.TB) (host string, s *topicServer) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = &topicServer{}
	g := grpc.NewServer()
	pubsubpb.RegisterPublisherServer(g, s)
	done := make(chan struct{})
	go func() { defer close(done); _ = g.Serve(ln) }()
	t.Cleanup(func() { g.Stop(); <-done })
	return ln.Addr().String(), s
}

func run(t *testing.T, o Options) (out string, err error) {
	t.Helper()
	var result, progress bytes.Buffer
	app, err := New(t.Context(), o, &result, &progress)
	if err != nil {
		return "", err
	}
	err = app.Run(t.Context())
	return result.String(), err
}

func TestABurstOverTheWire(t *testing.T) {
	host, s := serve(t)
	out, err := run(t, Options{Topic: "offers", Project: "shop", Burst: 2500, Size: 100, Emulator: host})
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^published  2500\nfailed     0\nrate       \d+ msg/s over \S+s\n$`).MatchString(out) {
		t.Errorf("printed %q", out)
	}
	if s.ids != 2500 {
		t.Errorf("the server took %d", s.ids)
	}
}

func TestErrorsAreOneLineWithTheCure(t *testing.T) {
	host, _ := serve(t)
	closed := closedPort(t)
	tests := []struct {
		name string
		opts Options
		want []string
	}{
		{
			"a topic that does not exist",
			Options{Topic: "nosuch", Project: "shop", Burst: 1, Size: 1, Emulator: host},
			[]string{"projects/shop/topics/nosuch does not exist", "spillway emulator --project shop --create nosuch"},
		},
		{
			"an emulator that is not there",
			Options{Topic: "offers", Project: "shop", Burst: 1, Size: 1, Emulator: closed},
			[]string{"PUBSUB_EMULATOR_HOST", closed, "nothing answers there", "start an emulator with `spillway emulator`"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := run(t, tt.opts)
			if err == nil || out != "" || strings.Contains(err.Error(), "\n") {
				t.Fatalf("printed %q, error %v", out, err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

func TestExplainNamesTheCure(t *testing.T) {
	tests := []struct {
		code     codes.Code
		emulator string
		want     string
	}{
		{codes.NotFound, "", "gcloud pubsub topics create offers --project shop"},
		{codes.NotFound, "127.0.0.1:8085", "spillway emulator --project shop --create offers"},
		{codes.PermissionDenied, "", "roles/pubsub.publisher"},
		{codes.Unauthenticated, "", "gcloud auth application-default login"},
		{codes.Unavailable, "", "check the network"},
		{codes.Unavailable, "127.0.0.1:8085", "spillway emulator"},
		{codes.InvalidArgument, "", "publishing to projects/shop/topics/offers: InvalidArgument: two lines"},
	}
	for _, tt := range tests {
		err := Explain(status.Error(tt.code, "two\nlines"), offers(), tt.emulator)
		if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %q, want %q in it", tt.code, err, tt.want)
		}
	}
}

func TestMissingCredentialsNameTheCure(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("GCE_METADATA_HOST", "127.0.0.1:9")
	_, err := Dial(t.Context(), "")
	if err == nil || !strings.Contains(err.Error(), "gcloud auth application-default login") || !strings.Contains(err.Error(), "spillway emulator") {
		t.Errorf("got %q", err)
	}
}

func TestTheRateShownIsThatOfAboutTheLastSecond(t *testing.T) {
	begin := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	m := meter{at: begin}
	steps := []struct {
		after     time.Duration
		published int64
		want      string
	}{
		{200 * time.Millisecond, 100, "0s  published 100  failed 2  0 msg/s"},
		{2 * time.Second, 500, "2s  published 500  failed 2  250 msg/s"},
		{2500 * time.Millisecond, 900, "3s  published 900  failed 2  250 msg/s"},
		{3 * time.Second, 1000, "3s  published 1000  failed 2  500 msg/s"},
	}
	for _, step := range steps {
		if got := m.line(step.after, begin.Add(step.after), Counts{Published: step.published, Failed: 2}); got != step.want {
			t.Errorf("after %s: got %q, want %q", step.after, got, step.want)
		}
	}
}
