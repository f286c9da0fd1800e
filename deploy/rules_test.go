package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// ruleFile is a rule file of Prometheus, and the spec of a PrometheusRule.
type ruleFile struct {
	Groups []struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	} `json:"groups"`
}

type rule struct {
	Record      string            `json:"record,omitempty"`
	Alert       string            `json:"alert,omitempty"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

func alertRules(t *testing.T) ruleFile {
	t.Helper()
	content, err := os.ReadFile("rules/spillway.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return strictly[ruleFile](t, content)
}

func alerts(t *testing.T) []rule {
	t.Helper()
	var all []rule
	for _, group := range alertRules(t).Groups {
		for _, r := range group.Rules {
			if r.Alert != "" {
				all = append(all, r)
			}
		}
	}
	return all
}

func TestThePrometheusRuleIsTheRuleFile(t *testing.T) {
	files := tree(t)
	choose(t, files, "generic", "prometheus-rule")
	objects := objects(t, files, "generic")
	if len(objects.prometheusRules) != 1 {
		t.Fatalf("%d PrometheusRules", len(objects.prometheusRules))
	}
	if diff := cmp.Diff(alertRules(t), objects.prometheusRules[0].Spec); diff != "" {
		t.Errorf("run: make update-rules (-file +object)\n%s", diff)
	}
}

// promtool runs the tests; that every alert has both kinds is held here.
func TestEveryAlertIsTestedFiringAndNot(t *testing.T) {
	type tests struct {
		Tests []struct {
			Alerts []struct {
				Alertname string `json:"alertname"`
				Expected  []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		} `json:"tests"`
	}
	files, err := filepath.Glob("rules/tests/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	firing, quiet := map[string]int{}, map[string]int{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var suite tests
		if err := yaml.Unmarshal(content, &suite); err != nil {
			t.Fatal(err)
		}
		for _, one := range suite.Tests {
			for _, a := range one.Alerts {
				if len(a.Expected) > 0 {
					firing[a.Alertname]++
				} else {
					quiet[a.Alertname]++
				}
			}
		}
	}
	for _, a := range alerts(t) {
		if firing[a.Alert] == 0 || quiet[a.Alert] < 2 {
			t.Errorf("%s: %d tests expect it and %d do not", a.Alert, firing[a.Alert], quiet[a.Alert])
		}
	}
}

func TestEveryAlertSaysWhatItIsAndHasARunbook(t *testing.T) {
	page, err := os.ReadFile("../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, section := range regexp.MustCompile(`(?m)^### `).Split(string(page), -1)[1:] {
		name, text, _ := strings.Cut(section, "\n")
		sections[name] = text
	}
	for _, a := range alerts(t) {
		want := map[string]string{"summary": a.Annotations["summary"], "description": a.Annotations["description"], "runbook": "docs/runbook.md#" + strings.ToLower(a.Alert)}
		if diff := cmp.Diff(want, a.Annotations); diff != "" || want["summary"] == "" || want["description"] == "" {
			t.Errorf("%s: annotations (-want +got)\n%s", a.Alert, diff)
		}
		if s := a.Labels["severity"]; s != "warning" && s != "critical" {
			t.Errorf("%s: severity %q", a.Alert, s)
		}
		for _, part := range []string{"**Symptom.**", "**Means.**", "**Look.**", "**Causes and cures.**", "```sh\n"} {
			if !strings.Contains(sections[a.Alert], part) {
				t.Errorf("docs/runbook.md: section %s has no %q", a.Alert, part)
			}
		}
		delete(sections, a.Alert)
	}
	for name := range sections {
		t.Errorf("docs/runbook.md: no alert is called %s", name)
	}
}
