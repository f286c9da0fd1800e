package release

import (
	"fmt"
	"strings"
)

// Notes is the section of a changelog, in the form of Keep a Changelog, that belongs to a version such as v1.2.3. A version
// before a release, such as v1.2.3-rc.1, may have that of what is unreleased.
func Notes(changelog, version string) (string, error) {
	name := strings.TrimPrefix(version, "v")
	if text, ok := section(changelog, name); ok {
		return text, nil
	}
	if strings.Contains(name, "-") {
		if text, ok := section(changelog, "Unreleased"); ok {
			return text, nil
		}
	}
	return "", fmt.Errorf("CHANGELOG.md has no section ## [%s] with something in it; rename [Unreleased] and begin a new one above", name)
}

func section(changelog, name string) (string, bool) {
	var text strings.Builder
	inside := false
	for line := range strings.Lines(changelog) {
		if strings.HasPrefix(line, "## ") {
			inside = strings.HasPrefix(line, "## ["+name+"]")
			continue
		}
		if inside {
			text.WriteString(line)
		}
	}
	found := strings.TrimSpace(text.String())
	if found == "" {
		return "", false
	}
	return found + "\n", true
}
