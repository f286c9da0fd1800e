package monitoring

import (
	"regexp"
	"slices"
	"strings"
)

// functionTest is the test of a function with its arguments.
func functionTest(name token, args []string) (func(string) bool, error) {
	if name.text == "one_of" {
		return func(s string) bool { return slices.Contains(args, s) }, nil
	}
	if len(args) != 1 {
		return nil, filterErrorf(name.at, "%s takes one string, not %d", name.text, len(args))
	}
	arg := args[0]
	switch name.text {
	case "starts_with":
		return func(s string) bool { return strings.HasPrefix(s, arg) }, nil
	case "ends_with":
		return func(s string) bool { return strings.HasSuffix(s, arg) }, nil
	case "has_substring":
		return func(s string) bool { return strings.Contains(s, arg) }, nil
	case "monitoring.regex.full_match":
		return fullMatch(name, arg)
	}
	return nil, filterErrorf(name.at,
		"unknown function %s, use starts_with, ends_with, has_substring, one_of or monitoring.regex.full_match", name.text)
}

// fullMatch compiles the expression by itself first, so that the anchors cannot mend or change it.
func fullMatch(name token, arg string) (func(string) bool, error) {
	if _, err := regexp.Compile(arg); err != nil {
		return nil, filterErrorf(name.at, "the regular expression is not valid: %v", err)
	}
	re, err := regexp.Compile(`\A(?:` + arg + `)\z`)
	if err != nil {
		return nil, filterErrorf(name.at, "the regular expression is not valid: %v", err)
	}
	return re.MatchString, nil
}
