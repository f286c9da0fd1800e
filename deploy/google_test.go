package deploy_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// gcloud is a program in gcloud's place that writes down what it is asked, and knows nothing unless the file "known" is there.
const gcloud = `#!/usr/bin/env bash
echo "$*" >>"$ASKED"
case "$*" in
  "projects describe"*) echo 123456 ;;
  *describe*) [[ -e $(dirname "$0")/known ]] ;;
esac
`

// setUp runs google-cloud.sh and returns what it asks gcloud for, and what it prints.
func setUp(t *testing.T, known bool, env ...string) (asked []string, printed string, err error) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal("google-cloud.sh needs bash: ", err)
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "gcloud"), []byte(gcloud), 0o700); err != nil {
		t.Fatal(err)
	}
	if known {
		if err := os.WriteFile(filepath.Join(bin, "known"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := exec.CommandContext(t.Context(), bash, "google-cloud.sh")
	log := filepath.Join(bin, "asked")
	script.Env = append([]string{"PATH=" + bin + ":" + os.Getenv("PATH"), "ASKED=" + log}, env...)
	out, err := script.CombinedOutput()
	content, readErr := os.ReadFile(log)
	if readErr != nil && !os.IsNotExist(readErr) {
		t.Fatal(readErr)
	}
	for line := range strings.Lines(string(content)) {
		asked = append(asked, strings.TrimSpace(line))
	}
	return asked, string(out), err
}

// grants are the roles that the commands give: who, role, on what.
func grants(commands []string) []string {
	form := regexp.MustCompile(`^(.*) add-iam-policy-binding (\S+) .*--role=(\S+) --member=(\S+)`)
	var all []string
	for _, c := range commands {
		if m := form.FindStringSubmatch(c); m != nil {
			all = append(all, m[4]+" "+m[3]+" on "+m[1]+" "+m[2])
		}
	}
	return all
}

func TestGoogleCloudIsSetUp(t *testing.T) {
	const (
		worker   = "serviceAccount:spillway-worker@shop.iam.gserviceaccount.com"
		exporter = "serviceAccount:spillway-exporter@shop.iam.gserviceaccount.com"
		pubsub   = "serviceAccount:service-123456@gcp-sa-pubsub.iam.gserviceaccount.com"
	)
	t.Run("the roles, to the last one", func(t *testing.T) {
		asked, printed, err := setUp(t, false, "PROJECT=shop", "SUBSCRIPTION=offers")
		if err != nil {
			t.Fatalf("%v: %s", err, printed)
		}
		want := []string{
			worker + " roles/pubsub.subscriber on pubsub subscriptions offers",
			worker + " roles/pubsub.publisher on pubsub topics offers-dead",
			exporter + " roles/monitoring.viewer on projects shop",
			exporter + " roles/pubsub.viewer on projects shop",
			pubsub + " roles/pubsub.publisher on pubsub topics offers-dead",
			pubsub + " roles/pubsub.subscriber on pubsub subscriptions offers",
			"serviceAccount:shop.svc.id.goog[spillway/worker] roles/iam.workloadIdentityUser on iam service-accounts spillway-worker@shop.iam.gserviceaccount.com",
			"serviceAccount:shop.svc.id.goog[spillway/backlog-exporter] roles/iam.workloadIdentityUser on iam service-accounts spillway-exporter@shop.iam.gserviceaccount.com",
		}
		if diff := cmp.Diff(want, grants(asked)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, c := range asked {
			if !strings.Contains(c, "--project=shop") && !strings.HasPrefix(c, "projects describe shop") {
				t.Errorf("%s: in whatever project gcloud is set to", c)
			}
		}
		if i := slices.IndexFunc(asked, func(c string) bool { return strings.HasPrefix(c, "pubsub subscriptions create offers ") }); i < 0 ||
			!strings.Contains(asked[i], "--dead-letter-topic=offers-dead") || !strings.Contains(asked[i], "--min-retry-delay=") {
			t.Errorf("no subscription with dead letters and a retry policy in %q", asked)
		}
	})
	t.Run("the ServiceAccounts are those of the manifests", func(t *testing.T) {
		asked, _, _ := setUp(t, false, "PROJECT=shop", "SUBSCRIPTION=offers")
		all := objects(t, tree(t), "gke")
		for name, account := range all.accounts {
			if subject := "shop.svc.id.goog[" + account.Namespace + "/" + name + "] "; !strings.Contains(strings.Join(grants(asked), "\n"), subject) {
				t.Errorf("nothing lets %s be somebody", subject)
			}
		}
	})
	t.Run("one account for a cluster elsewhere", func(t *testing.T) {
		asked, printed, err := setUp(t, false, "PROJECT=shop", "SUBSCRIPTION=offers", "WORKER=spillway", "EXPORTER=spillway", "NAMESPACE=")
		if err != nil {
			t.Fatalf("%v: %s", err, printed)
		}
		all := strings.Join(asked, "\n")
		if strings.Count(all, "iam service-accounts create") != 1 || strings.Contains(all, "workloadIdentityUser") || len(grants(asked)) != 6 {
			t.Errorf("want one account with all roles and no Workload Identity, got\n%s", all)
		}
	})
	t.Run("again, when everything is there", func(t *testing.T) {
		asked, printed, err := setUp(t, true, "PROJECT=shop", "SUBSCRIPTION=offers")
		if err != nil {
			t.Fatalf("%v: %s", err, printed)
		}
		if strings.Contains(strings.Join(asked, "\n"), " create ") || len(grants(asked)) != 8 {
			t.Errorf("asked for %q, want the roles alone", asked)
		}
	})
	t.Run("a dry run asks for nothing and prints everything", func(t *testing.T) {
		asked, printed, err := setUp(t, false, "PROJECT=shop", "SUBSCRIPTION=offers", "DRY_RUN=1")
		if err != nil || len(asked) != 0 {
			t.Fatalf("%v, asked %q", err, asked)
		}
		if strings.Count(printed, "gcloud ") != strings.Count(printed, "\n") || len(grants(strings.Split(printed, "\n"))) != 8 {
			t.Errorf("printed\n%s", printed)
		}
	})
	for name, tt := range map[string]struct {
		env  []string
		want []string // what the lines say, in order
	}{
		"nothing given":    {nil, []string{"PROJECT: is required; give the project ID", "SUBSCRIPTION: is required; give the ID"}},
		"no project":       {[]string{"SUBSCRIPTION=offers"}, []string{"PROJECT: is required"}},
		"no subscription":  {[]string{"PROJECT=shop"}, []string{"SUBSCRIPTION: is required"}},
		"a dry run wished": {[]string{"PROJECT=shop", "SUBSCRIPTION=offers", "DRY_RUN=true"}, []string{`DRY_RUN "true": is neither 1 nor 0`}},
		"a circle":         {[]string{"PROJECT=shop", "SUBSCRIPTION=offers", "DEAD_LETTERS=offers"}, []string{`DEAD_LETTERS "offers": dead letters would come back for ever`}},
		"everything wrong": {[]string{"PROJECT=The Shop", "SUBSCRIPTION=projects/shop/subscriptions/offers", "TOPIC=t", "DEAD_LETTERS=d", "WORKER=me", "EXPORTER=YOU", "NAMESPACE=a/b"}, []string{
			`PROJECT "The Shop": is no project ID`, `SUBSCRIPTION "projects/shop/subscriptions/offers": is no ID`, `TOPIC "t": is no ID`, `DEAD_LETTERS "d": is no ID`,
			`WORKER "me": is no account ID`, `EXPORTER "YOU": is no account ID`, `NAMESPACE "a/b": is no namespace`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			asked, printed, err := setUp(t, false, tt.env...)
			exit, _ := errors.AsType[*exec.ExitError](err)
			lines := strings.Split(strings.TrimSpace(printed), "\n")
			if exit == nil || exit.ExitCode() != 2 || len(asked) != 0 || len(lines) != len(tt.want) {
				t.Fatalf("%v, asked %q, printed\n%s", err, asked, printed)
			}
			for i, line := range lines {
				if !strings.HasPrefix(line, "google-cloud.sh: "+tt.want[i]) {
					t.Errorf("got  %s\nwant %s", line, tt.want[i])
				}
			}
		})
	}
}

// The roles of the script are those that the programs, doctor and the pages ask for.
func TestRolesAreTheSameEverywhere(t *testing.T) {
	script, err := os.ReadFile("google-cloud.sh")
	if err != nil {
		t.Fatal(err)
	}
	role := regexp.MustCompile(`roles/[a-z]+\.[A-Za-z]+`)
	given := unique(role.FindAllString(string(script), -1))
	for name, want := range map[string][]string{
		"../docs/kubernetes.md":                          given,
		"../docs/doctor.md":                              {"roles/monitoring.viewer", "roles/pubsub.subscriber", "roles/pubsub.viewer"},
		"../internal/doctor/judge_cloud.go":              {"roles/monitoring.viewer", "roles/pubsub.subscriber", "roles/pubsub.viewer"},
		"../internal/consume/deadletter.go":              {"roles/pubsub.publisher"},
		"../internal/pull/explain.go":                    {"roles/pubsub.subscriber"},
		"../internal/cloudmon/errors.go":                 {"roles/monitoring.viewer"},
		"../internal/roster/client.go":                   {"roles/pubsub.viewer"},
		"gke/flow.yaml":                                  {"roles/monitoring.viewer", "roles/pubsub.subscriber"},
		"components/exporter-sidecar/kustomization.yaml": {"roles/monitoring.viewer"},
	} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
			continue
		}
		got := unique(role.FindAllString(string(content), -1))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for _, r := range got {
			if !slices.Contains(given, r) {
				t.Errorf("%s asks for %s, which google-cloud.sh does not give", name, r)
			}
		}
	}
}

func unique(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}
