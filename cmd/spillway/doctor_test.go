package main

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

func TestDoctorLooksAtASubscription(t *testing.T) {
	t.Parallel()
	host := startEmulator(t)
	tests := []struct {
		args    string
		code    int
		verdict string
		stderr  string
	}{
		// The emulator samples once a minute and shows a sample after two, so there is none yet.
		{"doctor offers-v1 --output=json", 1, "failed", "spillway: not all is well: 1 of 9 links failed, 0 have warnings\n"},
		{"doctor offers --output=json", 1, "failed", ""},
	}
	for _, tt := range tests {
		code, stdout, stderr := run(t, host, strings.Fields(tt.args)...)
		var report struct {
			Verdict string                                                 `json:"verdict"`
			Links   []struct{ Link, About, Verdict, Message, Cure string } `json:"links"`
		}
		if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != tt.code || report.Verdict != tt.verdict || !strings.Contains(stderr, tt.stderr) {
			t.Errorf("%s: exit %d, %v\nstdout: %s\nstderr: %s", tt.args, code, err, stdout, stderr)
		}
		for _, l := range report.Links {
			if l.Link == "subscription" && (l.Verdict == "ok") != strings.Contains(tt.args, "offers-v1") {
				t.Errorf("%s: %+v", tt.args, l)
			}
		}
	}
}

func TestDoctorRefusesBadInput(t *testing.T) {
	t.Parallel()
	tests := []struct{ args, want string }{
		{"doctor hpa/offers --output=xml", `--output "xml": is not a form; give text or json`},
		{"doctor hpa/a hpa/b", `"hpa/b": is one argument too many`},
		{"doctor deployment/worker", "give hpa/NAME, projects/P/subscriptions/S, or a short ID with --project"},
		{"doctor --contxt=x", "did you mean --context?"},
	}
	for _, tt := range tests {
		code, stdout, stderr := run(t, "", strings.Fields(tt.args)...)
		if code != 2 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: exit %d\nstdout: %s\nstderr: %s", tt.args, code, stdout, stderr)
		}
	}
}

// TestTheToolIsFreeOfTheServersLibraries holds that reading a cluster costs neither the API server's library nor a clientset:
// either would double the program.
func TestTheToolIsFreeOfTheServersLibraries(t *testing.T) {
	t.Parallel()
	deps, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "spillway/cmd/spillway").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(deps), "k8s.io/client-go/dynamic\n") {
		t.Error("the list lacks what is known to be in it")
	}
	for dep := range strings.Lines(string(deps)) {
		for _, large := range []string{"sigs.k8s.io/custom-metrics-apiserver", "k8s.io/apiserver", "k8s.io/client-go/kubernetes", "k8s.io/client-go/informers"} {
			if strings.HasPrefix(dep, large) {
				t.Errorf("it is made of %s", dep)
			}
		}
	}
}
