package logging

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"spillway/internal/config"
)

func TestJSONHasCloudLoggingKeys(t *testing.T) {
	tests := []struct {
		log  func(*zap.Logger)
		want string
	}{
		{func(l *zap.Logger) { l.Debug("m") }, "DEBUG"},
		{func(l *zap.Logger) { l.Info("m") }, "INFO"},
		{func(l *zap.Logger) { l.Warn("m") }, "WARNING"},
		{func(l *zap.Logger) { l.Error("m") }, "ERROR"},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		tt.log(build("json", zapcore.DebugLevel, &out))
		var line map[string]string
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", out.String(), err)
		}
		if line["severity"] != tt.want || line["message"] != "m" {
			t.Errorf("got %v, want severity %s and message m", line, tt.want)
		}
		if _, err := time.Parse(time.RFC3339Nano, line["time"]); err != nil {
			t.Errorf("time: %v", err)
		}
	}
}

func TestConsoleIsForPeople(t *testing.T) {
	var out bytes.Buffer
	build("console", zapcore.InfoLevel, &out).Info("serving", zap.String("address", "127.0.0.1:1"))
	if !strings.Contains(out.String(), "INFO\tserving") || strings.HasPrefix(out.String(), "{") {
		t.Fatalf("got %q", out.String())
	}
}

func TestValidateNamesBothFlags(t *testing.T) {
	for _, tt := range []struct {
		o    Options
		want []string
	}{
		{Options{Level: "loud", Format: "xml"}, []string{`--log-level "loud": is not a level`, `--log-format "xml": is not a format`}},
		{Options{}, []string{"--log-level: is not a level; use debug, info, warn or error", "--log-format: is not a format"}},
		{Options{Level: "fatal", Format: "json"}, []string{`--log-level "fatal": is not a level`}},
		{Options{Level: "WARN", Format: "json"}, nil},
	} {
		var errs config.Errors
		tt.o.Validate(&errs)
		if got := len(errs.All()); got != len(tt.want) {
			t.Fatalf("%+v: %v", tt.o, errs.Err())
		}
		for i, want := range tt.want {
			if got := errs.All()[i].Error(); !strings.HasPrefix(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
}
