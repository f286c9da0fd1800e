package tracing

import (
	"testing"

	"go.opentelemetry.io/otel"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// It would print every failure, as often as it comes.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { panic("the global handler was called: " + err.Error()) }))
	goleak.VerifyTestMain(m)
}
