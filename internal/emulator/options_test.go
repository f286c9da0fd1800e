package emulator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/emulator"
)

func TestOptionsSayEverythingThatIsWrong(t *testing.T) {
	opts := emulator.DefaultOptions()
	if err := opts.Validate(); err != nil {
		t.Fatal(err)
	}
	opts.Listen, opts.Create = "nowhere", []string{"orders:billing", "x", "audit:", "projects/example.com:shop/topics/orders:projects/back/subscriptions/billing"}
	opts.Metrics = []string{"num_undelivered_messages", "num_undelivered_messages=soon", "num_undelivered_messages=30s/90s", "x=/1s"}
	opts.PubsubFaults, opts.MonitoringFaults, opts.Speed = []string{"explode"}, []string{"implode"}, -1
	opts.MaxResponseMessages, opts.Project = 0, "X y"
	opts.Create = append(opts.Create, "offers:offers-v1", "offers:offers-v1")
	err := opts.Validate()
	for _, want := range []string{"--listen", `--create "x"`, `--create "audit:": names no subscription after the colon`, `--metric "num_undelivered_messages": is not`, `num_undelivered_messages=soon`, `unknown metric "x"`, "--fault", "--monitoring-fault", `--monitoring-speed "-1"`, `--create "offers:offers-v1": names projects/demo/subscriptions/offers-v1 again`, "--max-response-messages", `--project "X y"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	if strings.Contains(fmt.Sprint(err), "billing") {
		t.Errorf("valid names are reported: %v", err)
	}
}

func TestOptionsRefuse(t *testing.T) {
	for name, test := range map[string]struct {
		edit func(*emulator.Options)
		want string
	}{
		"a project that cannot be one, with nothing to create": {
			func(o *emulator.Options) { o.Project = "X y" },
			`--project "X y": is not lower-case letters, digits and hyphens; give a project's ID, such as demo`,
		},
		"a project that cannot be one, once": {
			func(o *emulator.Options) { o.Project, o.Create = "X y", []string{"orders:billing"} },
			`--project "X y": is not lower-case letters, digits and hyphens; give a project's ID, such as demo`,
		},
		"a speed of 0": {
			func(o *emulator.Options) { o.Speed = 0 }, `--monitoring-speed "0": is not above 0; give one such as 10`,
		},
		"a sample period of 0": {
			func(o *emulator.Options) { o.SamplePeriod = 0 }, `--sample-period "0s": is not above 0; give one such as 1m`,
		},
		"a fault of a method that there is not": {
			func(o *emulator.Options) { o.PubsubFaults = []string{"lost,method=Publsh"} },
			`--fault "lost,method=Publsh": not a fault: lost hits no method "Publsh"; did you mean Publish?`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			opts := emulator.DefaultOptions()
			test.edit(&opts)
			if err := opts.Validate(); err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestNoProjectIsNeededForFullNames(t *testing.T) {
	opts := emulator.DefaultOptions()
	opts.Project, opts.Create = "", []string{"projects/shop/topics/orders:billing"}
	if err := opts.Validate(); err != nil {
		t.Error(err)
	}
}

func TestCreatedNamesTheProjectThatItIsIn(t *testing.T) {
	opts := emulator.DefaultOptions()
	opts.Create = []string{
		"orders", "orders:billing, audit", "projects/shop/topics/orders:billing", "orders:projects/back/subscriptions/billing",
		"projects/example.com:shop/topics/orders",
	}
	want := []string{
		"topic orders, which has no subscription, in project demo", "orders:billing,audit in project demo", "orders:billing in project shop",
		"orders:projects/back/subscriptions/billing in project demo", "topic orders, which has no subscription, in project example.com:shop",
	}
	if diff := cmp.Diff(want, opts.Created()); diff != "" {
		t.Error(diff)
	}
}
