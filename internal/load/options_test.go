package load

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"spillway/internal/config"
)

func TestValidate(t *testing.T) {
	good := Options{Topic: "projects/shop/topics/offers", Rate: 100, Size: 256}
	tests := []struct {
		name   string
		change func(*Options)
		want   []string // A part of each line of the error.
	}{
		{"a rate", func(*Options) {}, nil},
		{"a rate for a time", func(o *Options) { o.For = time.Minute }, nil},
		{"a burst", func(o *Options) { o.Rate, o.Burst = 0, 5 }, nil},
		{"the largest message", func(o *Options) { o.Size = MaxSize }, nil},
		{"attributes alone", func(o *Options) { o.Size, o.Attributes = 0, map[string]string{"a": "b"} }, nil},
		{"no topic", func(o *Options) { o.Topic = "" }, []string{"--topic: is required"}},
		{"a short topic without a project", func(o *Options) { o.Topic = "offers" }, []string{`--topic "offers": not a topic: the short ID "offers" needs a project`}},
		{"a subscription", func(o *Options) { o.Topic = "projects/p/subscriptions/s" }, []string{"want projects/P/topics/T"}},
		{"neither rate nor burst", func(o *Options) { o.Rate = 0 }, []string{"--rate: or --burst is required"}},
		{"both", func(o *Options) { o.Burst = 5 }, []string{"--rate: excludes --burst"}},
		{"a burst for a time", func(o *Options) { o.Rate, o.Burst, o.For = 0, 5, time.Second }, []string{`--for "1s": has no meaning with --burst`}},
		{"a negative rate", func(o *Options) { o.Rate = -1 }, []string{`--rate "-1": is not a rate`}},
		{"a rate that is not a number", func(o *Options) { o.Rate = math.NaN() }, []string{`--rate "NaN": is not a rate`}},
		{"a rate beyond reason", func(o *Options) { o.Rate = 1e9 }, []string{`--rate "1e+09": is not a rate`}},
		{"a negative burst", func(o *Options) { o.Rate, o.Burst = 0, -5 }, []string{`--burst "-5": is not a number of messages`}},
		{"a negative time", func(o *Options) { o.For = -time.Second }, []string{`--for "-1s": is negative`}},
		{"more than 10 MB", func(o *Options) { o.Size = MaxSize + 1 }, []string{`--size "10000001": is not a size that Pub/Sub takes; give 0 to 10000000 bytes`}},
		{"an empty message", func(o *Options) { o.Size = 0 }, []string{"leaves the message empty"}},
		{"an attribute without a name", func(o *Options) { o.Attributes = map[string]string{"": "x"} }, []string{"--attribute: is not a name that Pub/Sub takes"}},
		{"a reserved attribute", func(o *Options) { o.Attributes = map[string]string{"googclient": "x"} }, []string{`--attribute "googclient": starts with goog`}},
		{"a long attribute", func(o *Options) { o.Attributes = map[string]string{"a": strings.Repeat("x", 1025)} }, []string{`--attribute "a": has a value that is too long; give at most 1024 bytes`}},
		{"too many attributes", func(o *Options) {
			o.Attributes = map[string]string{}
			for i := range 101 {
				o.Attributes[strconv.Itoa(i)] = "x"
			}
		}, []string{"--attribute: is given 101 times; give at most 100"}},
		{"everything at once", func(o *Options) { o.Topic, o.Size, o.Burst = "", -1, 1 }, []string{"--topic", "--rate", "--size"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := good
			tt.change(&o)
			err := o.Validate()
			if len(tt.want) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if _, ok := errors.AsType[*config.Error](err); !ok {
				t.Fatalf("%v is not a fault of the configuration", err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Fatalf("got %d lines: %v", len(lines), err)
			}
			for i, want := range tt.want {
				if !strings.Contains(lines[i], want) {
					t.Errorf("line %q does not say %q", lines[i], want)
				}
			}
		})
	}
}

func TestTheEnvironmentGivesTheDefaultsAndFlagsWin(t *testing.T) {
	t.Setenv("GOOGLE_CLOUD_PROJECT", "from-env")
	t.Setenv(EmulatorVariable, "127.0.0.1:1")
	o := DefaultOptions()
	fs := pflag.NewFlagSet("load", pflag.ContinueOnError)
	o.RegisterFlags(fs)
	err := fs.Parse([]string{
		"--topic=offers", "--project=shop", "--rate=2.5", "--for=10s", "--size=7", "--attribute=a=1", "--attribute=b=2",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Options{
		Topic: "offers", Project: "shop", Rate: 2.5, For: 10 * time.Second, Size: 7,
		Attributes: map[string]string{"a": "1", "b": "2"}, Emulator: "127.0.0.1:1",
	}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Fatal(diff)
	}
	if d := DefaultOptions(); d.Project != "from-env" {
		t.Errorf("project %q", d.Project)
	}
}
