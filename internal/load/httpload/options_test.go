package httpload

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	opts := Options{URL: "ftp://shop", Method: "LOOK", Rate: math.NaN(), Concurrency: 0, Duration: -time.Second, Timeout: 0}
	err := opts.Validate()
	if err == nil {
		t.Fatal("it is valid")
	}
	lines := strings.Split(err.Error(), "\n")
	want := []string{
		`URL "ftp://shop": is not an http or https URL; give one such as http://`, `--method "LOOK": is not a method; give GET`,
		`--rate "NaN": is not a rate`, `--concurrency "0": is out of range`, `--duration "-1s": is out of range`, `--timeout "0s": is out of range`,
	}
	if len(lines) != len(want) {
		t.Fatal(err)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("%q, want %q", lines[i], want[i])
		}
	}
}

func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"http://127.0.0.1:8080/demo": "",
		"https://shop.example":       "",
		"":                           "URL: is required",
		"127.0.0.1:8080":             "is not an http or https URL",
		"http://":                    "is not an http or https URL",
		"http://a b":                 "is not an http or https URL",
		"http://me:secret@shop":      "holds credentials",
	} {
		opts := DefaultOptions()
		opts.URL = url
		err := opts.Validate()
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%q: %v, want %q", url, err, want)
		}
	}
}
