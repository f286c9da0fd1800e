// Package webstyle is the look that the pages of all programs share: one small stylesheet, light and dark.
package webstyle

import (
	"crypto/sha256"
	_ "embed" // The stylesheet.
	"encoding/base64"
)

// CSS is the stylesheet. A page that is one answer holds it in a <style> element, and Policy lets it.
//
//go:embed base.css
var CSS string

// Policy is the Content-Security-Policy of a page with CSS in a <style> element, links, and nothing else: no scripts, no
// other styles, nothing fetched, and no place in another page's frame.
func Policy() string {
	sum := sha256.Sum256([]byte(CSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
