package emulator_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The client library's metrics import starts this worker when it is loaded, and nothing can end it.
		goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"),
		// The official client's Receive leaves this goroutine waiting for its next 15 s tick.
		goleak.IgnoreTopFunction("cloud.google.com/go/pubsub/v2.(*messageIterator).streamKeepAliveHandler"))
}
