package kube

import (
	"testing"

	"github.com/go-logr/logr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestSink(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	log := logr.New(&sink{zap.New(core)}).WithName("reflector").WithValues("resource", "pods")
	log.Info("started", "number", 7, "odd") //nolint:loggercheck // what a library does wrong
	log.V(1).Info("something that nobody wants to know")
	log.Error(errAway, "listing failed")
	entries := logs.All()
	if len(entries) != 2 {
		t.Fatalf("%d entries", len(entries))
	}
	if e := entries[0]; e.Level != zapcore.DebugLevel || e.LoggerName != "reflector" || e.ContextMap()["says"] != "started" || e.ContextMap()["number"] != "7" || e.ContextMap()["resource"] != "pods" {
		t.Errorf("%+v", e)
	}
	if e := entries[1]; e.Level != zapcore.WarnLevel || e.ContextMap()["says"] != "listing failed" || e.ContextMap()["error"] != errAway.Error() {
		t.Errorf("%+v", e)
	}
}
