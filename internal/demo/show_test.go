package demo

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestOutsideATerminalThereIsALineEveryFiveSecondsAndOneForEachFault(t *testing.T) {
	var out bytes.Buffer
	s := newShow(&out, view{story: offers(), pace: defaultPace})
	for elapsed := time.Duration(0); elapsed < 12*time.Second; elapsed += redrawPeriod {
		f := Frame{Elapsed: elapsed}
		if elapsed > 7*time.Second {
			f.Faults = []string{"worker-1: signal: killed"}
		}
		s.draw(f)
	}
	var begins []string
	for line := range strings.SplitSeq(strings.TrimSpace(out.String()), "\n") {
		begins = append(begins, strings.Fields(line)[0])
	}
	if got := strings.Join(begins, " "); got != "0m00s 0m05s ! 0m10s" {
		t.Errorf("lines begin with %s:\n%s", got, out.String())
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("control sequences in a file")
	}
}
