// Package queries holds the queries of deploy's rules and dashboards against Prometheus' own parser, and the names in them against
// the series that the programs serve. It stands in promtool's module because the parser does.
package queries

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/prometheus/common/model"
)

const root = "../../"

// query is an expression and where it stands.
type query struct{ place, expr string }

// known is every series that may be asked for, with its labels: those of the golden scrapes, and those that Prometheus and
// kube-state-metrics bring, as their documentation has them.
func known(t *testing.T) map[string]map[string]bool {
	t.Helper()
	series := map[string]map[string]bool{}
	goldens, err := filepath.Glob(root + "internal/*/testdata/metrics.golden")
	if err != nil || len(goldens) < 2 {
		t.Fatalf("golden scrapes: %v, %v", goldens, err)
	}
	for _, golden := range goldens {
		read(t, golden, series)
	}
	autoscaler := []string{"namespace", "horizontalpodautoscaler"}
	for name, labels := range map[string][]string{
		// The exporter's with --metrics=dead_letter_message_count: a delta's name as docs/metrics.md makes it, with Monitoring's label.
		"pubsub_subscription_dead_letter_message_total": {"project_id", "subscription_id", "response_code"},
		// https://github.com/kubernetes/kube-state-metrics/blob/main/docs/metrics/workload/horizontalpodautoscaler-metrics.md
		"kube_horizontalpodautoscaler_info":                    append([]string{"scaletargetref_kind", "scaletargetref_name"}, autoscaler...),
		"kube_horizontalpodautoscaler_spec_max_replicas":       autoscaler,
		"kube_horizontalpodautoscaler_spec_min_replicas":       autoscaler,
		"kube_horizontalpodautoscaler_status_current_replicas": autoscaler,
		"kube_horizontalpodautoscaler_status_desired_replicas": autoscaler,
		"kube_horizontalpodautoscaler_status_condition":        append([]string{"condition", "status"}, autoscaler...),
	} {
		add(series, name, labels...)
	}
	return series
}

func add(series map[string]map[string]bool, name string, labels ...string) {
	if series[name] == nil {
		series[name] = map[string]bool{"__name__": true, "namespace": true, "pod": true, "job": true, "instance": true}
	}
	for _, l := range labels {
		series[name][l] = true
	}
}

// read adds the series of a scrape, among them those of a histogram.
func read(t *testing.T, golden string, series map[string]map[string]bool) {
	t.Helper()
	file, err := os.Open(golden)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	label := regexp.MustCompile(`([a-z_]+)="`)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "#") || line == "" {
			continue
		}
		name := line[:strings.IndexAny(line, "{ ")]
		add(series, name)
		for _, match := range label.FindAllStringSubmatch(line, -1) {
			add(series, name, match[1])
		}
	}
}

// rules are the expressions of the rule files; what they record can be asked for too.
func rules(t *testing.T, series map[string]map[string]bool) []query {
	t.Helper()
	files, err := filepath.Glob(root + "deploy/rules/*.rules.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("rule files: %v, %v", files, err)
	}
	var queries []query
	for _, file := range files {
		groups, errs := rulefmt.ParseFile(file, false, model.UTF8Validation)
		for _, err := range errs {
			t.Error(err)
		}
		for _, group := range groups.Groups {
			for _, rule := range group.Rules {
				queries = append(queries, query{rule.Alert + rule.Record, rule.Expr})
				if rule.Record != "" {
					add(series, rule.Record, "subscription_id", "deployment")
				}
			}
		}
	}
	return queries
}

// variables are what Grafana puts in a query's place.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$__interval", "1m", "$__range", "1h")

// dashboards are the expressions of all panels and variables.
func dashboards(t *testing.T) []query {
	t.Helper()
	files, err := filepath.Glob(root + "deploy/dashboards/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("dashboards: %v, %v", files, err)
	}
	var queries []query
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var board any
		if err := json.Unmarshal(content, &board); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		visit(board, filepath.Base(file), &queries)
	}
	return queries
}

// labelValues is Grafana's function for the values of a variable.
var labelValues = regexp.MustCompile(`^label_values\((.+), *([a-z_]+)\)$`)

func visit(node any, place string, queries *[]query) {
	switch n := node.(type) {
	case []any:
		for _, child := range n {
			visit(child, place, queries)
		}
	case map[string]any:
		if title, ok := n["title"].(string); ok {
			place += ", " + title
		}
		for key, child := range n {
			text, isText := child.(string)
			switch {
			case key == "expr" && isText:
				*queries = append(*queries, query{place, variables.Replace(text)})
			case key == "query" && isText && labelValues.MatchString(text):
				match := labelValues.FindStringSubmatch(text)
				*queries = append(*queries, query{place, "group by (" + match[2] + ") (" + match[1] + ")"})
			default:
				visit(child, place, queries)
			}
		}
	}
}

func TestEveryQueryParsesAndAsksForWhatThereIs(t *testing.T) {
	series := known(t)
	queries := append(rules(t, series), dashboards(t)...)
	for _, q := range queries {
		for _, problem := range problems(q.expr, series) {
			t.Errorf("%s: %s in\n%s", q.place, problem, q.expr)
		}
	}
	if len(queries) < 30 {
		t.Errorf("%d queries were found", len(queries))
	}
}

// problems are what is wrong with a query.
func problems(expr string, series map[string]map[string]bool) []string {
	parsed, err := parser.ParseExpr(expr)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		labels, exists := series[selector.Name]
		if !exists {
			found = append(found, "nobody serves "+selector.Name)
			return nil
		}
		for _, m := range selector.LabelMatchers {
			if !labels[m.Name] {
				found = append(found, selector.Name+" has no label "+m.Name)
			}
		}
		return nil
	})
	return found
}

func TestWhatIsWrongWithAQueryIsFound(t *testing.T) {
	series := known(t)
	for expr, want := range map[string]string{
		`sum(rate(pubsub_worker_messages_settled_total{result="ack"}[5m]))`: "",
		`pubsub_worker_message_settled_total`:                               "nobody serves pubsub_worker_message_settled_total",
		`pubsub_worker_messages_settled_total{verdict="ack"}`:               "pubsub_worker_messages_settled_total has no label verdict",
		`sum(`: "parse error",
	} {
		found := problems(expr, series)
		if want == "" && len(found) > 0 || want != "" && (len(found) != 1 || !strings.Contains(found[0], want)) {
			t.Errorf("%s: %v, want %q", expr, found, want)
		}
	}
}
