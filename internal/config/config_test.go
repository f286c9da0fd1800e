package config_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"spillway/internal/config"
)

func TestErrorIsOneLineWithKeyValueAndCure(t *testing.T) {
	err := &config.Error{Key: "--concurrency", Value: "0", Problem: "must be at least 1", Cure: "give the number of messages to handle at once"}
	want := `--concurrency "0": must be at least 1; give the number of messages to handle at once`
	if err.Error() != want {
		t.Fatalf("got  %s\nwant %s", err.Error(), want)
	}
}

func TestErrorsAreReportedAllAtOnce(t *testing.T) {
	var errs config.Errors
	if errs.Err() != nil {
		t.Fatal("no fault yet, but an error")
	}
	errs.Check(true, "--a", 1, "never shown", "")
	errs.Check(false, "--b", 2, "too small", "give 3")
	errs.Add("--c", "", "is required", "")
	want := "--b \"2\": too small; give 3\n--c: is required"
	if got := errs.Err().Error(); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	if _, ok := errors.AsType[*config.Error](errs.Err()); !ok {
		t.Fatal("the joined error does not unwrap to a config.Error")
	}
}

func TestCheckAddress(t *testing.T) {
	for address, ok := range map[string]bool{
		":8080": true, "127.0.0.1:0": true, "[::1]:65535": true, "localhost:8080": true,
		"": false, "8080": false, "localhost": false, ":": false, ":65536": false, ":-1": false, ":http": false, "1:2:3": false, "http://a:1": false,
	} {
		var errs config.Errors
		errs.CheckAddress("--listen", address, "give host:port")
		if (errs.Err() == nil) != ok {
			t.Errorf("%q gave %v", address, errs.Err())
		}
	}
}

func TestNearest(t *testing.T) {
	flags := []string{"subscription", "concurrency", "target", "listen"}
	tests := []struct {
		name, want string
		found      bool
	}{
		{"subscripton", "subscription", true},
		{"concurency", "concurrency", true},
		{"targets", "target", true},
		{"TARGET", "target", true},
		{"zzz", "", false},
		{"x", "", false},
		{"", "", false},
	}
	for _, tt := range tests {
		if got, found := config.Nearest(tt.name, flags); got != tt.want || found != tt.found {
			t.Errorf("Nearest(%q) = %q, %t; want %q, %t", tt.name, got, found, tt.want, tt.found)
		}
	}
}

func TestFlagsAreAllThatAnErrorSpeaksOf(t *testing.T) {
	err := &config.Error{Key: "--target", Value: "--not-this", Problem: "excludes --handler=work", Cure: "or give --push-keys"}
	if got := err.Flags(); !slices.Equal(got, []string{"target", "handler", "push-keys"}) {
		t.Errorf("got %q", got)
	}
	if got := (&config.Error{Key: "file:3 target", Problem: "is required"}).Flags(); len(got) != 0 {
		t.Errorf("got %q of a key", got)
	}
}

func TestListTakesJoinedErrorsApart(t *testing.T) {
	a, b := &config.Error{Key: "--a"}, &config.Error{Key: "--b"}
	err := errors.Join(a, errors.Join(fmt.Errorf("reading: %w", b), errors.New("of another kind")))
	if got := config.List(err); !slices.Equal(got, []*config.Error{a, b}) {
		t.Errorf("got %v", got)
	}
	if got := config.List(nil); got != nil {
		t.Errorf("got %v of nothing", got)
	}
}

func TestASecretInAURLIsNotShown(t *testing.T) {
	for text, want := range map[string]string{
		"http://10.0.0.7:8080/a":            "http://10.0.0.7:8080/a",
		"http://u:secret@10.0.0.7/a":        "http://u:xxxxx@10.0.0.7/a",
		"http://10.0.0.7/a?token=secret":    "http://10.0.0.7/a?...",
		"user:secret@10.0.0.7:8080":         "a URL that does not parse",
		"http://u:secret@10.0.0.7:port/a":   "a URL that does not parse",
		"not a URL, and with no secret: 5%": "not a URL, and with no secret: 5%",
	} {
		if got := config.RedactURL(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestADomainIsOne(t *testing.T) {
	for name, want := range map[string]bool{"": true, "googleapis.com": true, "apis-berlin.goog": true, "a b": false, "-1": false, "0": false, "https://googleapis.com": false, ".com": false, "a..b": false} {
		var errs config.Errors
		errs.CheckDomain("--universe-domain", name)
		if got := errs.Err() == nil; got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}
