package testenv_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"spillway/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a test that notes how it ended instead of ending.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper()          {}
func (r *recorder) Skip(args ...any) { r.skipped = args[0].(string) }
func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	panic(r.failed)
}

func TestSkip(t *testing.T) {
	t.Run("skips with a line that can be found", func(t *testing.T) {
		t.Setenv(testenv.RequireVariable, "")
		r := &recorder{TB: t}
		testenv.Skip(r, "no Java")
		if r.skipped != testenv.SkipMark+"no Java" {
			t.Fatalf("skipped with %q", r.skipped)
		}
	})
	t.Run("fails where nothing may be skipped", func(t *testing.T) {
		t.Setenv(testenv.RequireVariable, "1")
		r := &recorder{TB: t}
		defer func() {
			if recover() == nil || !strings.Contains(r.failed, "forbids to skip") || r.skipped != "" {
				t.Fatalf("failed with %q, skipped with %q", r.failed, r.skipped)
			}
		}()
		testenv.Skip(r, "no Java")
	})
}

func TestOfficialEmulator(t *testing.T) {
	var addr string
	t.Run("answers while the test runs", func(t *testing.T) {
		addr = testenv.OfficialEmulator(t)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/v1/projects/p/topics", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Close = true
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("listing topics: %s", res.Status)
		}
	})
	if addr == "" {
		t.Skip("it was not there")
	}
	t.Run("is gone afterwards", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
			t.Fatalf("it still answers: %s", res.Status)
		}
	})
}
