package fleet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/backlog"
)

var (
	offers = backlog.Subscription{Project: "shop", ID: "offers"}
	orders = backlog.Subscription{Project: "shop", ID: "orders"}
)

func TestAWorkerByFlag(t *testing.T) {
	tests := []struct{ text, url, fault string }{
		{"projects/shop/subscriptions/offers=10.0.0.7:8080", "http://10.0.0.7:8080/metrics", ""},
		{"offers=http://10.0.0.7:8080/", "http://10.0.0.7:8080/metrics", ""},
		{"offers=https://worker/stats?all=1", "https://worker/stats?all=1", ""},
		{"offers=http://[::1]:8080", "http://[::1]:8080/metrics", ""},
		{"10.0.0.7:8080", "", "is not SUBSCRIPTION=URL"},
		{"no good=10.0.0.7:8080", "", "subscription"},
		{"offers=ftp://worker", "", "http:// or https://"},
		{"offers=http://", "", "has no host"},
		{"offers=http://wor ker", "", "is not a URL"},
		{"offers=10.0.0.7:99999", "", `"http://10.0.0.7:99999" has a port that does not exist`},
		{"offers=ftp://u:secret@worker", "", `"ftp://u:xxxxx@worker" is not an http`},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := ParseWorker(tt.text, "shop")
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Fatalf("%v does not say %q", err, tt.fault)
				}
				return
			}
			want := Target{ID: tt.url, URL: tt.url, Subscriptions: []backlog.Subscription{offers}, Ready: true}
			if err != nil || !cmp.Equal(want, got) {
				t.Fatalf("%+v, %v", got, err)
			}
		})
	}
}

func written(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAFileOfWorkers(t *testing.T) {
	tests := []struct {
		name, text string
		want       map[string][]backlog.Subscription // by URL
		fault      string
	}{
		{"YAML", "- targets: ['a:1', 'b:2']\n  labels: {subscription: offers, team: web}\n", map[string][]backlog.Subscription{
			"http://a:1/metrics": {offers}, "http://b:2/metrics": {offers},
		}, ""},
		{"JSON", `[{"targets": ["a:1"], "labels": {"subscription": "projects/shop/subscriptions/offers"}}]`, map[string][]backlog.Subscription{"http://a:1/metrics": {offers}}, ""},
		{"several subscriptions", "- targets: ['a:1']\n  labels: {subscription: 'orders, offers'}\n", map[string][]backlog.Subscription{"http://a:1/metrics": {offers, orders}}, ""},
		{"a worker in two groups", "- targets: ['a:1']\n  labels: {subscription: offers}\n- targets: ['a:1']\n  labels: {subscription: orders}\n", map[string][]backlog.Subscription{"http://a:1/metrics": {offers, orders}}, ""},
		{"path and scheme", "- targets: ['a:1']\n  labels: {subscription: offers, __metrics_path__: /stats, __scheme__: https}\n", map[string][]backlog.Subscription{"https://a:1/stats": {offers}}, ""},
		{"nothing", "", map[string][]backlog.Subscription{}, ""},
		{"an empty list", "[]", map[string][]backlog.Subscription{}, ""},
		{"no list", "targets: [a]", nil, "is not a list of targets and labels: line 1: a mapping is not a list of groups"},
		{"no YAML", "- targets: [", nil, "is not a list of targets and labels"},
		{"an unknown key", "- target: ['a:1']\n", nil, "field target not found"},
		{"no subscription", "- targets: ['a:1']\n  labels: {subscripton: offers}\n", nil, `group 1: the label subscription is missing ("subscripton" is there)`},
		{"no name", "- targets: ['a:1']\n  labels: {subscription: 'a b'}\n", nil, "group 1: "},
		{"a secret is not shown", "- targets: ['u:secret@b:1']\n  labels: {subscription: offers}\n", nil, `group 1: the target "a URL that does not parse" is not host:port`},
		{"no port", "- targets: [a]\n  labels: {subscription: offers}\n", nil, `group 1: the target "a" is not host:port`},
		{"two faults", "- targets: [a]\n  labels: {subscription: offers}\n- targets: ['b:1']\n", nil, "; group 2: "},
		{"too much", strings.Repeat("#", 2<<20), nil, "larger than 1 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "workers")
			written(t, path, tt.text)
			targets, _, err := NewFile(path, "shop").Read()
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) || strings.Contains(err.Error(), "\n") {
					t.Fatalf("%v does not say %q", err, tt.fault)
				}
				return
			}
			got := map[string][]backlog.Subscription{}
			for _, target := range targets {
				got[target.URL] = target.Subscriptions
			}
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Fatal(err, diff)
			}
		})
	}
}

func TestAFileThatChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "workers")
	f := NewFile(path, "shop")
	expect := func(what string, workers int, changed, fails bool) {
		t.Helper()
		targets, said, err := f.Read()
		if len(targets) != workers || said != changed || (err != nil) != fails {
			t.Fatalf("%s: %d workers, changed is %t, %v", what, len(targets), said, err)
		}
	}
	good := "- targets: ['a:1', 'b:2']\n  labels: {subscription: offers}\n"
	expect("not there", 0, true, true)
	expect("still not there", 0, false, true)
	written(t, path, good)
	expect("there", 2, true, false)
	expect("the same", 2, false, false)
	written(t, path, "- targets: 5\n")
	expect("wrong", 2, true, true)
	expect("still wrong", 2, false, true)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	expect("gone", 2, true, true)
	written(t, path, "- targets: 5\n")
	expect("wrong again", 2, true, true)
	written(t, path, good)
	expect("right again", 2, true, false)
	written(t, path, "[]")
	expect("empty", 0, false, false)
}

func TestWhereAPodIsScraped(t *testing.T) {
	ports := map[string]int32{"http": 8080, "metrics": 9090, "web": 80}
	tests := []struct {
		name  string
		place Place
		want  string
		fault string
	}{
		{"the first name", Place{Ports: ports}, "http://10.0.0.7:9090/metrics", ""},
		{"the next name", Place{Ports: map[string]int32{"http": 8080}}, "http://10.0.0.7:8080/metrics", ""},
		{"an annotated number", Place{Ports: ports, Port: "7777", Path: "stats"}, "http://10.0.0.7:7777/stats", ""},
		{"an annotated name", Place{Ports: ports, Port: "web", Path: "/stats", Scheme: "http"}, "http://10.0.0.7:80/stats", ""},
		{"no such port", Place{Ports: map[string]int32{"web": 80}}, "", "no port named metrics or http; name one, or annotate"},
		{"an annotation that is none", Place{Ports: ports, Port: "70000"}, "", `prometheus.io/port says "70000"`},
		{"TLS", Place{Ports: ports, Scheme: "https"}, "", "by http alone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.place.Address = "10.0.0.7"
			got, err := tt.place.URL("metrics", "http")
			if got != tt.want || (tt.fault == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), tt.fault)) {
				t.Fatalf("%q, %v", got, err)
			}
		})
	}
	six := Place{Address: "fd00::7", Ports: ports}
	if got, err := six.URL("http"); err != nil || got != "http://[fd00::7]:8080/metrics" {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzFile(f *testing.F) {
	f.Add([]byte("- targets: ['a:1']\n  labels: {subscription: offers}\n"))
	f.Add([]byte(`[{"targets": ["a:1"], "labels": {"subscription": "offers"}}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		targets, err := parseFile(text, "shop")
		for _, one := range targets {
			if err != nil || one.URL == "" || len(one.Subscriptions) == 0 {
				t.Fatalf("%+v, %v", one, err)
			}
		}
	})
}
