package demo

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const metricsPage = `# TYPE backlog gauge
backlog{project_id="p",subscription_id="other",unit="1"} 5
backlog{project_id="p",subscription_id="s",unit="1"} 12345
# TYPE untyped untyped
untyped 7
# TYPE total counter
total 9
`

func TestTheValueOfASeries(t *testing.T) {
	labels := map[string]string{"project_id": "p", "subscription_id": "s"}
	tests := []struct {
		name, series string
		labels       map[string]string
		want         float64
		err          error
	}{
		{"the series with these labels", "backlog", labels, 12345, nil},
		{"a series without labels or type", "untyped", nil, 7, nil},
		{"another subscription", "backlog", map[string]string{"subscription_id": "nosuch"}, 0, errNoSeries},
		{"a label that the series does not have", "backlog", map[string]string{"region": "p"}, 0, errNoSeries},
		{"no such family", "nosuch", labels, 0, errNoSeries},
		{"a counter is no level", "total", nil, 0, errNoSeries},
	}
	families, err := parse(strings.NewReader(metricsPage))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		got, err := families.value(tt.series, tt.labels)
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: got %g, %v", tt.name, got, err)
		}
	}
	if _, err := parse(strings.NewReader("<html>")); err == nil {
		t.Error("a page that is not metrics was read")
	}
}

func TestTheLabelOfTheSeriesThatIsOne(t *testing.T) {
	families, err := parse(strings.NewReader(`# TYPE state gauge
state{state="fresh",subscription_id="other"} 1
state{state="fresh",subscription_id="s"} 0
state{state="held",subscription_id="s"} 1
`))
	if err != nil {
		t.Fatal(err)
	}
	if got := families.label("state", "state", map[string]string{"subscription_id": "s"}); got != "held" {
		t.Errorf("got %q", got)
	}
	if got := families.label("state", "state", map[string]string{"subscription_id": "nosuch"}); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestScrape(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, metricsPage)
	}))
	defer server.Close()
	client := server.Client()
	defer client.CloseIdleConnections()
	if got, err := scrape(t.Context(), client, server.URL+"/metrics", "untyped", nil); got != 7 || err != nil {
		t.Errorf("got %g, %v", got, err)
	}
	for _, url := range []string{server.URL + "/nosuch", "http://127.0.0.1:1/metrics", "::"} {
		if _, err := scrape(t.Context(), client, url, "untyped", nil); err == nil || !strings.Contains(err.Error(), url) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(metricsPage)
	f.Add("backlog NaN\n")
	f.Fuzz(func(_ *testing.T, page string) {
		if families, err := parse(strings.NewReader(page)); err == nil {
			_, _ = families.value("backlog", map[string]string{"project_id": "p"})
		}
	})
}
