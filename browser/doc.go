// Package browser holds the demo's page in a real browser against a real show.
package browser
