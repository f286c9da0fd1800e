package doctor

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/testenv"
)

func sample() *Report {
	r := newReport("hpa shop/offers", []Finding{
		fine(linkCredentials, "", "Application Default Credentials of project shop"),
		failed(linkSubscription, "offer", "projects/shop/subscriptions/offer does not exist", "did you mean offers?"),
		skipped(linkPermission, "pubsub.subscriptions.consume", "there is no such subscription"),
		warning(linkReading, "x\x1b[2Jy", "the autoscaler reads <5>, \"old\"\r\n", "wait"),
	})
	return &r
}

func TestText(t *testing.T) {
	var out bytes.Buffer
	if err := writeText(&out, sample(), false); err != nil {
		t.Fatal(err)
	}
	testenv.Golden(t, "testdata/report.txt.golden", out.Bytes())
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := writeJSON(&out, sample()); err != nil {
		t.Fatal(err)
	}
	testenv.Golden(t, "testdata/report.json.golden", out.Bytes())
}

func TestColoursChangeNothingElse(t *testing.T) {
	var bare, coloured bytes.Buffer
	if err := errors.Join(writeText(&bare, sample(), false), writeText(&coloured, sample(), true)); err != nil {
		t.Fatal(err)
	}
	stripped := coloured.String()
	for _, code := range []string{green, yellow, red, grey, plain} {
		if !strings.Contains(stripped, code) {
			t.Errorf("%q is not used", code)
		}
		stripped = strings.ReplaceAll(stripped, code, "")
	}
	if stripped != bare.String() {
		t.Errorf("with colours: %q\nwithout: %q", stripped, bare.String())
	}
	if strings.Contains(bare.String(), "\x1b") {
		t.Error("what others say can draw on the terminal")
	}
}

func TestTheReportsVerdictIsTheWorst(t *testing.T) {
	tests := []struct {
		links []Verdict
		want  Verdict
	}{
		{nil, OK},
		{[]Verdict{OK, Skipped}, OK},
		{[]Verdict{Warning, OK, Skipped}, Warning},
		{[]Verdict{Failed, Warning}, Failed},
		{[]Verdict{Warning, Failed, OK}, Failed},
	}
	for _, tt := range tests {
		var links []Finding
		for _, v := range tt.links {
			links = append(links, Finding{Verdict: v})
		}
		if r := newReport("x", links); r.Verdict != tt.want {
			t.Errorf("%v: %s", tt.links, r.Verdict)
		}
	}
}

func TestTheLiveLineFitsTheTerminal(t *testing.T) {
	l := newLive(io.Discard)
	end := l.begin("the exporter")
	l.begin("Cloud Monitoring about ünïcödé")
	if got := l.line(2*time.Second, 200); got != " 2 s  asking the exporter, Cloud Monitoring about ünïcödé" {
		t.Errorf("%q", got)
	}
	if got := l.line(0, 45); utf8.RuneCountInString(got) > 44 || !strings.HasSuffix(got, "...") || !utf8.ValidString(got) {
		t.Errorf("%q has %d characters", got, utf8.RuneCountInString(got))
	}
	end()
	if got := l.line(0, 200); strings.Contains(got, "exporter") {
		t.Errorf("%q has what has ended", got)
	}
}

func TestWhatOthersSayFitsOneLine(t *testing.T) {
	long := words(errors.New(strings.Repeat("a ä\n", 1000)))
	if len(long) > maxMessage+3 || strings.Contains(long, "\n") || !utf8.ValidString(long) {
		t.Errorf("%d bytes: %q", len(long), long)
	}
	if slices.ContainsFunc(links(), func(l string) bool { return len(l) > 13 }) {
		t.Error("a link's name is wider than its column")
	}
}

func links() []string {
	return []string{
		linkCredentials, linkCluster, linkAutoscaler, linkMetric, linkSelector, linkProject, linkSubscription, linkPermission, linkSamples,
		linkExporter, linkAPIService, linkReading, linkConditions, linkPods, linkWorkers,
	}
}

func TestEveryLinkIsDocumentedInItsOrder(t *testing.T) {
	doc, err := os.ReadFile("../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for line := range strings.Lines(string(doc)) {
		if heading, is := strings.CutPrefix(line, "### "); is {
			documented = append(documented, strings.TrimSpace(heading))
		}
	}
	if diff := cmp.Diff(links(), documented); diff != "" {
		t.Errorf("docs/doctor.md (-links +headings):\n%s", diff)
	}
}
