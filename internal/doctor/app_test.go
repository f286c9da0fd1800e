package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
)

func TestRunEndsWellOnlyIfAllIsWell(t *testing.T) {
	w := newWorld(t)
	exporter := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "s3cret" || r.URL.Path != "/metrics" {
			out.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = out.Write([]byte(w.exporter))
	}))
	defer exporter.Close()
	withPassword := strings.Replace(exporter.URL, "http://", "http://me:s3cret@", 1)
	tests := []struct {
		name, target, exporter string
		verdict                Verdict
	}{
		{"a subscription", "offers", "", OK},
		{"with its exporter", "offers", withPassword + "/metrics", OK},
		{"with an exporter that asks for a password", "offers", exporter.URL, Failed},
		{"a subscription that is not there", "offer", "", Failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, status bytes.Buffer
			o := DefaultOptions()
			o.Target, o.Project, o.PubsubEndpoint, o.Exporter, o.Output = tt.target, "shop", w.emulator, tt.exporter, outputJSON
			app, err := New(o, &out, &status)
			if err != nil {
				t.Fatal(err)
			}
			err = app.Run(t.Context())
			if (tt.verdict == OK) != (err == nil) || (err != nil && !errors.Is(err, ErrUnwell)) {
				t.Errorf("the error is %v", err)
			}
			var report Report
			if err := json.Unmarshal(out.Bytes(), &report); err != nil || report.Verdict != tt.verdict || report.Version != 1 {
				t.Errorf("%v in %s", err, out.String())
			}
			if status.Len() > 0 || strings.Contains(out.String(), "s3cret") {
				t.Errorf("status %q\n%s", status.String(), out.String())
			}
		})
	}
}

// TestOneSlowLinkHoldsUpNoOther lets one party never answer: the examination takes one time-out, not several, and every
// other link is judged.
func TestOneSlowLinkHoldsUpNoOther(t *testing.T) {
	w := newWorld(t)
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // accepts by its backlog and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	begin := time.Now()
	const bound = 2 * time.Second
	r := w.examine(func(o *Options) { o.Exporter, o.Timeout = "http://"+silent.Addr().String(), bound })
	if took := time.Since(begin); took > 3*bound {
		t.Errorf("it took %s", took)
	}
	for _, f := range r.Links {
		if (f.Link == linkExporter) != (f.Verdict == Failed) {
			t.Errorf("%+v", f)
		}
	}
}

func TestAnInterruptedRunWritesNoReport(t *testing.T) {
	var out bytes.Buffer
	o := DefaultOptions()
	o.Target, o.Project, o.PubsubEndpoint = "offers", "shop", "127.0.0.1:1"
	app, err := New(o, &out, &out)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("a signal")
	cancel(interrupted)
	if err := app.Run(ctx); !errors.Is(err, interrupted) || out.Len() > 0 {
		t.Errorf("%v, %s", err, out.String())
	}
}

func TestNothingListens(t *testing.T) {
	o := DefaultOptions()
	o.Target, o.Project, o.PubsubEndpoint, o.Timeout = "offers", "shop", "127.0.0.1:1", time.Second
	app, err := New(o, t.Output(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	r := app.Examine(t.Context())
	if f := find(r, linkSubscription); f.Verdict != Failed || !strings.Contains(f.Message, "connection refused") {
		t.Errorf("%+v", f)
	}
	if f := find(r, linkSamples); f.Verdict != Failed || !strings.Contains(f.Message, "no answer in time") {
		t.Errorf("%+v", f)
	}
}

func TestWithoutCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/key.json")
	t.Setenv("PUBSUB_EMULATOR_HOST", "")
	o := DefaultOptions()
	o.Target, o.Project, o.Timeout = "offers", "shop", time.Second
	app, err := New(o, t.Output(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	r := app.Examine(t.Context())
	expect(t, find(r, linkCredentials), Failed, "no Google credentials were found", "gcloud auth application-default login")
	for _, f := range r.Links[1:] {
		if f.Verdict != Skipped {
			t.Errorf("%+v", f)
		}
	}
}

// TestAnEmulatorWithoutIAMOrMonitoring answers as the official emulator does: what it does not implement is skipped.
func TestAnEmulatorWithoutIAMOrMonitoring(t *testing.T) {
	w := newWorld(t)
	w.emulator = gate(t, w.emulator, map[string]codes.Code{testIamPermissions: codes.Unimplemented, listTimeSeries: codes.Unimplemented})
	r := w.examine()
	if r.Verdict != OK {
		t.Errorf("the verdict is %s", r.Verdict)
	}
	expect(t, find(r, linkPermission), Skipped, "does not tell permissions", "")
	expect(t, find(r, linkSamples), Skipped, "not Cloud Monitoring", "")
}

func TestAViewerWhoMaySeeNothing(t *testing.T) {
	w := newWorld(t)
	w.emulator = gate(t, w.emulator, map[string]codes.Code{
		testIamPermissions: codes.PermissionDenied, listTimeSeries: codes.PermissionDenied, getSubscription: codes.PermissionDenied, listSubscriptions: codes.PermissionDenied,
	})
	r := w.examine()
	expect(t, find(r, linkProject), Skipped, "PermissionDenied", "")
	expect(t, find(r, linkSubscription), Skipped, "may not be looked at", "")
	expect(t, find(r, linkPermission), Failed, "lacks it", "roles/pubsub.subscriber")
	expect(t, find(r, linkSamples), Skipped, "may not be read", "")
}
