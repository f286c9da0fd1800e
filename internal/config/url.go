package config

import (
	"net/url"
	"strings"
)

// RedactURL hides what may be secret in a URL that is shown: password and query.
func RedactURL(text string) string {
	if !strings.ContainsAny(text, "@?") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil || strings.Contains(u.Opaque, "@") {
		return "a URL that does not parse"
	}
	if u.RawQuery != "" {
		u.RawQuery = "..."
	}
	return u.Redacted()
}
