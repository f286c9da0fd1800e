package webstyle_test

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"spillway/internal/webstyle"
)

func TestTheStylesheetFetchesNothingAndHasBothColorSchemes(t *testing.T) {
	for _, never := range []string{"url(", "@import", "http", "</"} {
		if strings.Contains(webstyle.CSS, never) {
			t.Errorf("it holds %q", never)
		}
	}
	if !strings.Contains(webstyle.CSS, "prefers-color-scheme: dark") {
		t.Error("there are no dark colors")
	}
}

func TestThePolicyLetsTheStylesheetAndNoScript(t *testing.T) {
	sum := sha256.Sum256([]byte(webstyle.CSS))
	if policy := webstyle.Policy(); !strings.Contains(policy, base64.StdEncoding.EncodeToString(sum[:])) ||
		!strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
		t.Errorf("policy %q", policy)
	}
}
