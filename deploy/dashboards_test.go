package deploy_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// board is what the tests need of a Grafana dashboard.
type board struct {
	Panels []struct {
		ID          int    `json:"id"`
		Type        string `json:"type"`
		Title       string `json:"title"`
		Description string `json:"description"`
		GridPos     struct {
			X int `json:"x"`
			Y int `json:"y"`
			W int `json:"w"`
			H int `json:"h"`
		} `json:"gridPos"`
		Targets []struct {
			RefID        string `json:"refId"`
			LegendFormat string `json:"legendFormat"`
			Datasource   struct {
				UID string `json:"uid"`
			} `json:"datasource"`
		} `json:"targets"`
	} `json:"panels"`
}

// What is wrong in these is seen in Grafana alone. The queries are tested in tools/promtool, with Prometheus' parser.
func TestTheDashboardIsWhole(t *testing.T) {
	content, err := os.ReadFile("dashboards/flow.json")
	if err != nil {
		t.Fatal(err)
	}
	var flow board
	if err := json.Unmarshal(content, &flow); err != nil {
		t.Fatal(err)
	}
	ids, cells, titles := map[int]bool{}, map[[2]int]string{}, map[string]bool{}
	for _, p := range flow.Panels {
		if ids[p.ID] || titles[p.Title] || p.Title == "" {
			t.Errorf("panel %d, %q: its number or title is another's too", p.ID, p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := cells[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q lies over %q, or beyond the edge, at %d, %d", p.Title, other, x, y)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("%q has no description or asks for nothing", p.Title)
		}
		refs := map[string]bool{}
		for _, target := range p.Targets {
			if refs[target.RefID] || target.LegendFormat == "" || target.Datasource.UID != "${datasource}" {
				t.Errorf("%q: target %+v", p.Title, target)
			}
			refs[target.RefID] = true
		}
	}
	for _, title := range []string{
		"Arrivals", "Settled, by result", "Backlog", "Age", "Replicas", "In flight and limit", "Ack errors", "Target", "Readings", "Calls of Google's APIs",
	} {
		if !titles[title] {
			t.Errorf("no panel is called %q", title)
		}
	}
}

func TestTheDashboardComponentShipsTheDashboard(t *testing.T) {
	content, err := os.ReadFile("dashboards/flow.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, overlay := range singles() {
		files := tree(t)
		choose(t, files, overlay, "grafana-dashboard")
		found := false
		for _, c := range objects(t, files, overlay).configMaps {
			if c.Labels["grafana_dashboard"] == "1" {
				found = true
				if diff := cmp.Diff(map[string]string{"spillway-flow.json": string(content)}, c.Data); diff != "" {
					t.Errorf("%s: (-file +ConfigMap)\n%s", overlay, diff)
				}
			}
		}
		if !found {
			t.Errorf("%s: no ConfigMap has the label that the sidecar looks for", overlay)
		}
	}
}
