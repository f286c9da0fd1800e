package conformance_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/zap"

	"spillway/internal/emulator"
	"spillway/internal/testenv"
)

// document has a row for every case in which a server is known to differ from the service.
const document = "../../../docs/emulator.md"

// testCase observes one thing that the service documents.
type testCase struct {
	name string
	// documented is what is to be observed by the service's documentation.
	documented string
	// source is where the documentation says so, below docsRoot.
	source string
	// spillway and official are what is observed instead where that server is known to differ; empty: documented.
	spillway, official string
	// observe returns what happens, in the words of documented.
	observe func(w *world) string
}

// docsRoot is what sources are relative to.
const docsRoot = "https://docs.cloud.google.com/pubsub/docs/"

// server is one that the suite runs against.
type server struct {
	name     string
	start    func(t *testing.T) (addr string)
	expected func(c *testCase) string
}

func servers() []server {
	return []server{
		{"spillway", startSpillway, func(c *testCase) string { return orElse(c.spillway, c.documented) }},
		{
			"official", func(t *testing.T) string { t.Helper(); return testenv.OfficialEmulator(t) },
			func(c *testCase) string { return orElse(c.official, c.documented) },
		},
	}
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func cases() []testCase {
	var all []testCase
	for _, group := range [][]testCase{
		codeCases(), adminCases(), publishCases(), pullCases(), streamCases(), orderingCases(), exactlyOnceCases(), policyCases(),
		seekCases(), pushCases(), clientCases(),
	} {
		all = append(all, group...)
	}
	return all
}

func TestConformance(t *testing.T) {
	for _, s := range servers() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			addr := s.start(t)
			conn := dial(t, addr)
			for i, c := range cases() {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					got := c.observe(newWorld(t, addr, conn, fmt.Sprintf("conformance-%d", i)))
					if want := s.expected(&c); got != want {
						t.Errorf("observed:   %s\nexpected:   %s\ndocumented: %s\nat          %s", got, want, c.documented, docsRoot+c.source)
					}
				})
			}
		})
	}
}

// TestTheDocumentTellsEveryDifference holds the table of the document against the cases: a row per case that differs, with
// what the service documents and what each emulator does, and no row without a case.
func TestTheDocumentTellsEveryDifference(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "<!-- differences: rows by the conformance suite -->\n")
	table, _, ended := strings.Cut(table, "<!-- end -->")
	if !found || !ended {
		t.Fatal("the document has lost the comments around its table of differences")
	}
	var want strings.Builder
	want.WriteString("| Case | By the service's documentation | `spillway emulator` | Official emulator | Right |\n|---|---|---|---|---|\n")
	for _, c := range cases() {
		if c.spillway != "" || c.official != "" {
			want.WriteString(c.row())
		}
	}
	if table != want.String() {
		t.Errorf("the document's table of differences is not what the cases say, which is:\n%s", want.String())
	}
}

func (c *testCase) row() string {
	right := "spillway"
	switch {
	case c.spillway != "" && c.official != "":
		right = "neither"
	case c.spillway != "":
		right = "official"
	}
	same := "as documented"
	return fmt.Sprintf("| %s | [%s](%s%s) | %s | %s | %s |\n",
		c.name, c.documented, docsRoot, c.source, orElse(c.spillway, same), orElse(c.official, same), right)
}

func startSpillway(t *testing.T) string {
	t.Helper()
	opts := emulator.DefaultOptions()
	opts.Listen = "127.0.0.1:0"
	app, err := emulator.New(opts, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return app.Addr()
}
