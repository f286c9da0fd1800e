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
	var errs config.Errors
	o := Options{Level: "loud", Format: "xml"}
	o.Validate(&errs)
	for _, want := range []string{`--log-level "loud"`, `--log-format "xml"`} {
		if !strings.Contains(errs.Err().Error(), want) {
			t.Errorf("%v does not name %s", errs.Err(), want)
		}
	}
}
