package conformance_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// parallel is how many cases run at a time. They wait much more than they work, so the number of cores is no measure.
const parallel = "24"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", parallel); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = os.Unsetenv("PUBSUB_EMULATOR_HOST") // the suite says itself which server it talks to
	goleak.VerifyTestMain(m,
		// The client library's metrics import starts this worker when it is loaded, and nothing can end it.
		goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"),
		// The official client's Receive leaves this goroutine waiting for its next 15 s tick.
		goleak.IgnoreTopFunction("cloud.google.com/go/pubsub/v2.(*messageIterator).streamKeepAliveHandler"))
}
