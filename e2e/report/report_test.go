package report

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func point(second int, desired, ready int32, metric float64) Point {
	waiting := int64(metric) + 7
	return Point{
		At: time.Duration(second) * time.Second, Desired: desired, Current: ready, Ready: ready, Metric: &metric, Backlog: &waiting,
		Arrived: int64(second) * 100, Handled: int64(second) * 90,
	}
}

func TestTheTableShowsEveryChangeAndALineEachPeriod(t *testing.T) {
	var out strings.Builder
	track := &Track{Name: "worker"}
	table := NewTable(&out, 15, 10*time.Second, track)
	for second := range 30 {
		switch {
		case second < 12:
			table.Add(track, point(second, 2, 2, 0))
		case second == 12:
			table.Add(track, point(second, 5, 2, 170000.126))
		default:
			table.Add(track, point(second, 2, 5, 100))
		}
	}
	table.Add(track, Point{At: 31 * time.Second})
	want := `
   wall  story  desired  current  ready     metric    backlog    arrived    handled
   0:00   0:00        2        2      2          0          7          0          0  stable
   0:10   2:30        2        2      2          0          7       1000        900  stable
   0:12   3:00        5        2      2  170000.13     170007       1200       1080  scaling up
   0:13   3:15        2        5      5        100        107       1300       1170  scaling down
   0:23   5:45        2        5      5        100        107       2300       2070  scaling down
   0:31   7:45        0        0      0    unknown    unknown          0          0  stable
`
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(track.Points) != 31 || track.Highest() != 5 {
		t.Errorf("%d points up to %d pods are kept, want all", len(track.Points), track.Highest())
	}
}

func TestSeveralTracksHaveAColumn(t *testing.T) {
	var out strings.Builder
	offer, image := &Track{Name: "offer"}, &Track{Name: "image"}
	table := NewTable(&out, 1, time.Minute, offer, image)
	table.Add(offer, point(0, 2, 2, 0))
	table.Add(image, point(0, 3, 2, 0))
	for _, want := range []string{"track", "\n  offer", "\n  image"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestTheFolderHasOnePageOfAllSections(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "deep", "e2e")
	second := &Section{Order: 2, Name: "rate", Title: "HTTP <rate>", Factor: 15, Passed: true, Result: "1 to 10 & back", Lines: []string{"a line"}}
	track := &Track{Name: "worker", Metric: `"per" second`, Target: 5}
	for i := range 100 {
		track.Points = append(track.Points, point(i, int32(i%7), int32(i%5), float64(i)))
	}
	second.Tracks = []*Track{track, {Name: "empty"}}
	first := &Section{Order: 1, Name: "backlog", Title: "Backlog", Factor: 1, Result: "lost 3"}
	for _, s := range []*Section{second, first, {Order: 1, Name: "backlog", Title: "Backlog again", Factor: 1, Result: "lost 3"}} {
		if err := Save(folder, s); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(filepath.Join(folder, PageName))
	if err != nil {
		t.Fatal(err)
	}
	page := string(content)
	for _, want := range []string{"Backlog again", "HTTP &lt;rate&gt;", "1 to 10 &amp; back", "a line", ">failed<", "passed"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Index(page, "Backlog again") > strings.Index(page, "HTTP &lt;rate&gt;") || strings.Contains(page, "Backlog<") {
		t.Error("the sections are not in order, or one is there twice")
	}
	for _, fetch := range []string{"http://", "https://", "<script", "src=", "url("} {
		if strings.Contains(page, fetch) {
			t.Errorf("the page fetches: it has %q", fetch)
		}
	}
	drawings := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page, -1)
	if len(drawings) != 5 {
		t.Errorf("%d plots, want 3 of a track and 2 of one without arrivals", len(drawings))
	}
	for _, d := range drawings {
		expectXML(t, d)
	}
}

func expectXML(t *testing.T, text string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
}

func TestLinesAreDrawnToScale(t *testing.T) {
	l := line{}
	l.add(0, 0)
	l.add(30*time.Second, 2)
	l.add(60*time.Second, 4)
	if got, want := l.path(time.Minute, 4), "M64.0 158.0L478.0 91.0L892.0 24.0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	l.stepped = true
	if got, want := l.path(time.Minute, 4), "M64.0 158.0H478.0V91.0H892.0V24.0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !l.cut(3) || l.cut(3) || l.highest() != 3 || l.cut(0) {
		t.Errorf("cut at 3 it is %v", l.value)
	}
	for v, want := range map[float64]float64{0: 1, 1: 1, 3: 4, 5: 8, 9: 10, 20: 20, 41000: 80000} {
		if got := roundUp(v); got != want {
			t.Errorf("above %g is %g, want %g", v, got, want)
		}
	}
}

func TestSavingFailsWithTheFilesName(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "broken.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Save(folder, &Section{Name: "a"}); err == nil || !strings.Contains(err.Error(), "broken.json") {
		t.Errorf("got %v", err)
	}
}
