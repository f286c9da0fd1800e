package filter_test

import (
	"errors"
	"strings"
	"testing"

	"spillway/internal/emulator/filter"
)

func TestFilter(t *testing.T) {
	message := map[string]string{"lang": "en", "domain": "example.com", "empty": "", "a.b": "dotted", "x-y": "1"}
	for text, want := range map[string]bool{
		`attributes:lang`:                                               true,
		`attributes:other`:                                              false,
		`attributes:empty`:                                              true,
		`attributes:"a.b"`:                                              true,
		`attributes.lang = "en"`:                                        true,
		`attributes.lang="de"`:                                          false,
		`attributes.lang != "de"`:                                       true,
		`attributes.lang != "en"`:                                       false,
		`attributes.other != "en"`:                                      true,
		`attributes.other = ""`:                                         false,
		`attributes."a.b" = "dotted"`:                                   true,
		`attributes.x-y = "1"`:                                          true,
		`attributes.lang = "\u0065n"`:                                   true,
		`hasPrefix(attributes.domain, "exa")`:                           true,
		`hasPrefix(attributes.domain, "com")`:                           false,
		`hasPrefix(attributes.other, "")`:                               false,
		`NOT attributes:lang`:                                           false,
		`-attributes:other`:                                             true,
		`NOT (attributes:lang AND attributes:other)`:                    true,
		`attributes:lang AND attributes:domain AND attributes:empty`:    true,
		`attributes:lang AND attributes:other`:                          false,
		`attributes:other OR attributes:lang`:                           true,
		`attributes:other OR (attributes:lang AND NOT attributes:x)`:    true,
		`(attributes:other OR attributes:lang) AND attributes.lang="x"`: false,
	} {
		f, err := filter.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := f(message); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestSyntaxErrorsSayWhatWasFound(t *testing.T) {
	for text, want := range map[string]string{
		`attributes`:                             `found the end where . was expected`,
		`data = "x"`:                             `found "data"`,
		`attributes.lang = en`:                   `found "en" where a string literal was expected`,
		`attributes.lang > "en"`:                 `= or !=`,
		`attributes:a AND attributes:b OR x`:     `parentheses`,
		`attributes:a attributes:b`:              `where the end was expected`,
		`attributes:a AND`:                       `found the end`,
		`(attributes:a`:                          `) was expected`,
		`hasPrefix(attributes.a "x")`:            `, was expected`,
		`hasPrefix("x")`:                         `attributes was expected`,
		`attributes.a = "open`:                   `a string literal was expected`,
		`attributes:` + strings.Repeat("a", 256): `256`,
	} {
		_, err := filter.Parse(text)
		if !errors.Is(err, filter.ErrSyntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`attributes:lang`, `attributes."a.b" != "\x41"`, `NOT (hasPrefix(attributes.d, "x") OR -attributes:e)`, `((((`, `"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pass, err := filter.Parse(text)
		if (pass == nil) == (err == nil) {
			t.Fatalf("%q: filter nil is %v, error %v", text, pass == nil, err)
		}
		if err != nil {
			return
		}
		attributes := map[string]string{"lang": "en"}
		negated, err := filter.Parse("NOT (" + text + ")")
		if len(text)+6 <= filter.MaxLength && (err != nil || negated(attributes) == pass(attributes)) {
			t.Fatalf("%q and its negation agree (%v)", text, err)
		}
	})
}
