package monitoring

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseFault(t *testing.T) {
	tests := map[string]Fault{
		"gap": {Kind: FaultGap},
		"gap,metric=num_undelivered_messages,subscription=orders,for=5m0s": {
			Kind: FaultGap, Metric: "num_undelivered_messages", Subscription: "orders", For: 5 * minute,
		},
		"gap,subscription=projects/p/subscriptions/orders,after=-5m0s,share=0.25": {
			Kind: FaultGap, Subscription: "projects/p/subscriptions/orders", After: -5 * minute, Share: 0.25,
		},
		"region,region=europe-west1,for=10m0s":    {Kind: FaultRegion, Region: "europe-west1", For: 10 * minute},
		"late,delay=3m0s":                         {Kind: FaultLate, Delay: 3 * minute},
		"empty,metric=subscription/backlog_bytes": {Kind: FaultEmpty, Metric: "subscription/backlog_bytes"},
		"quota,after=1m0s,for=10m0s,share=0.5":    {Kind: FaultQuota, Share: 0.5, After: minute, For: 10 * minute},
		"unavailable":                             {Kind: FaultUnavailable},
		"unauthenticated,for=1s":                  {Kind: FaultUnauthenticated, For: time.Second},
		"denied":                                  {Kind: FaultDenied},
		"slow,delay=1.5s":                         {Kind: FaultSlow, Delay: 1500 * time.Millisecond},
	}
	for text, want := range tests {
		got, err := ParseFault(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		if got.String() != text {
			t.Errorf("%s comes back as %s", text, got)
		}
	}
}

func TestBadFaultsSayWhatIsWrong(t *testing.T) {
	tests := map[string]string{
		"":                            "unknown fault",
		"earthquake":                  "use one of gap region late empty quota unavailable unauthenticated denied slow",
		"gap,":                        "unknown setting",
		"gap,colour=red":              "colour: unknown setting",
		"gap,for=five":                "for: time: invalid duration",
		"gap,after":                   "after: time: invalid duration",
		"slow,delay=x":                "delay: ",
		"quota,share=half":            "share: ",
		"gap,metric=colour":           "no such metric",
		"gap,for=-5m":                 "must not be negative",
		"gap,share=1.5":               "share must be",
		"gap,share=NaN":               "share must be",
		"gap,share=-1":                "share must be",
		"gap,delay=5s":                "delay goes with late and slow",
		"gap,region=europe-west1":     "region goes with the kind region",
		"region":                      "region goes with the kind region",
		"slow":                        "delay goes with late and slow",
		"slow,delay=-1s":              "must not be negative",
		"late":                        "delay goes with late and slow",
		"quota,metric=backlog_bytes":  "it hits requests",
		"slow,delay=1s,subscription=": "",
		"unavailable,subscription=s":  "it hits requests",
		"gap,for=9000h":               "longer than a year",
		"gap,after=-9000h":            "longer than a year",
		"gap,subscription=" + strings.Repeat("s", maxFaultLength): "at most 1024 characters",
	}
	for text, want := range tests {
		_, err := ParseFault(text)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one that says %q", text, err, want)
		}
	}
}

func TestFaultsTravelAsJSONStrings(t *testing.T) {
	var faults []Fault
	const text = `["gap,for=5m0s","slow,delay=2s"]`
	if err := json.Unmarshal([]byte(text), &faults); err != nil {
		t.Fatal(err)
	}
	if got, err := json.Marshal(faults); err != nil || string(got) != text {
		t.Errorf("%s comes back as %s, %v", text, got, err)
	}
	if err := json.Unmarshal([]byte(`["gap,for=x"]`), &faults); err == nil {
		t.Error("a bad fault is accepted")
	}
}

func FuzzParseFault(f *testing.F) {
	for _, seed := range []string{"gap,metric=backlog_bytes,for=5m", "region,region=eu", "slow,delay=1s,share=.5", "late,after=-1m,delay=1h", ",=,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := ParseFault(text)
		if err != nil {
			return
		}
		again, err := ParseFault(fault.String())
		if err != nil || again != fault {
			t.Fatalf("%q reads as %#v, which reads as %#v, %v", text, fault, again, err)
		}
	})
}
