package export

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"spillway/internal/backlog"
	"spillway/internal/config"
)

// parse reads flags as the command does.
func parse(t *testing.T, args ...string) Options {
	t.Helper()
	t.Setenv("GOOGLE_CLOUD_PROJECT", "")
	t.Setenv("PUBSUB_EMULATOR_HOST", "")
	o := DefaultOptions()
	set(t, &o, args...)
	return o
}

// set reads flags into options.
func set(t *testing.T, o *Options, args ...string) {
	t.Helper()
	fs := pflag.NewFlagSet("backlog-exporter", pflag.ContinueOnError)
	o.RegisterFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
}

func TestValidateNamesEveryFaultAtOnce(t *testing.T) {
	const one = "--subscription=projects/shop/subscriptions/offers"
	tests := []struct {
		name string
		args []string
		want []string // the beginning of every line
	}{
		{name: "the defaults with a subscription", args: []string{one}},
		{name: "a short ID with a project", args: []string{"--subscription=offers", "--project=shop"}},
		{name: "a local server may be polled often", args: []string{one, "--monitoring-endpoint=127.0.0.1:8085", "--poll-interval=100ms"}},
		{name: "as long as can be believed", args: []string{one, "--fresh-for=10m", "--hold-for=50m"}},
		{name: "nothing held", args: []string{one, "--hold=0"}},
		{name: "discovery", args: []string{"--discover=shop", "--include=orders-*", "--exclude=*-test"}},
		{name: "endpoints of Google's elsewhere", args: []string{one, "--monitoring-endpoint=https://monitoring.example", "--pubsub-endpoint=https://pubsub.example:443"}},
		{name: "more metrics", args: []string{one, "--metrics=backlog_bytes,topic/send_request_count", "--metrics=pubsub.googleapis.com/subscription/nack_requests", "--backlog-metric=regional"}},
		{name: "a metric that is none", args: []string{one, "--metrics=num_undeliverd_messages"}, want: []string{`--metrics "num_undeliverd_messages": is not a metric of Pub/Sub's subscriptions or topics; did you mean num_undelivered_messages?`}},
		{name: "a distribution", args: []string{one, "--metrics=ack_latencies"}, want: []string{`--metrics "ack_latencies": is a distribution`}},
		{name: "a backlog from nowhere", args: []string{one, "--backlog-metric=local"}, want: []string{`--backlog-metric "local": is neither global nor regional`}},
		{name: "a bad pattern", args: []string{"--discover=shop", "--include=[a"}, want: []string{`--include "[a": is not a pattern`}},
		{name: "patterns without a project", args: []string{one, "--exclude=a*"}, want: []string{`--exclude "a*": chooses among nothing; give --discover`}},
		{name: "a project that is none", args: []string{"--subscription=offers", "--worker=offers=10.0.0.7:8080", "--project=The Shop"}, want: []string{`--project "The Shop": is not a project's ID; give the ID, such as shop-production, here or in GOOGLE_CLOUD_PROJECT`}},
		{name: "a number for short IDs", args: []string{one, "--project=123"}, want: []string{`--project "123": is not a project's ID`}},
		{name: "a project's number", args: []string{"--discover=123"}, want: []string{`--discover "123": is not a project's ID`}},
		{name: "TLS from nowhere", args: []string{one, "--web.config.file=/no/such/file"}, want: []string{`--web.config.file "/no/such/file": cannot be read`}},
		{name: "no subscription", want: []string{`--subscription: is required; give projects/P/subscriptions/S at least once, or --discover PROJECT`}},
		{name: "a short ID without a project", args: []string{"--subscription=offers"}, want: []string{`--subscription "offers": not a subscription: the short ID "offers" needs a project`}},
		{name: "a project number", args: []string{"--subscription=projects/123456/subscriptions/offers"}, want: []string{`--subscription "projects/123456/subscriptions/offers": the project "123456" is a number; give the project's ID`}},
		{name: "too often for Cloud Monitoring", args: []string{one, "--poll-interval=9s"}, want: []string{`--poll-interval "9s": must be at least 10s`}},
		{name: "too often for anybody", args: []string{one, "--monitoring-endpoint=127.0.0.1:8085", "--poll-interval=0"}, want: []string{`--poll-interval "0s": must be at least 100ms`}},
		{name: "fresh for less than a poll", args: []string{one, "--fresh-for=30s"}, want: []string{`--fresh-for "30s": must not be shorter than --poll-interval`}},
		{name: "fresh for less than is normal", args: []string{one, "--poll-interval=2m"}, want: []string{`--fresh-for "4m0s": is less than a normal sample's age; give at least 5m0s`}},
		{name: "fresh for as long as is normal", args: []string{one, "--poll-interval=2m", "--fresh-for=5m"}},
		{name: "believed for too long", args: []string{one, "--hold-for=57m"}, want: []string{`--hold "57m0s": makes more than 1h0m0s together with --fresh-for`}},
		{name: "fresh for ever", args: []string{one, "--fresh-for=2562047h", "--hold-for=2562047h"}, want: []string{`--fresh-for "2562047h0m0s": must be at most 1h0m0s`}},
		{name: "held for ever", args: []string{one, "--hold-for=2562047h"}, want: []string{`--hold "2562047h0m0s": makes more than 1h0m0s`}},
		{name: "an endpoint with a scheme", args: []string{one, "--monitoring-endpoint=http://127.0.0.1:8085"}, want: []string{`--monitoring-endpoint "http://127.0.0.1:8085": is not an address`}},
		{name: "an endpoint without a host", args: []string{one, "--monitoring-endpoint=:8085"}, want: []string{`--monitoring-endpoint ":8085": has no host`}},
		{name: "workers", args: []string{"--worker=projects/shop/subscriptions/offers=10.0.0.7:8080", "--drain-time=30s", "--headroom=1.2", "--pod-capacity=200", "--min-replicas=2", "--max-replicas=20"}},
		{name: "workers without a project", args: []string{"--worker=offers=10.0.0.7:8080"}, want: []string{`--worker "offers=10.0.0.7:8080": not a subscription`}},
		{name: "a worker alone", args: []string{one, "--worker=10.0.0.7:8080"}, want: []string{`--worker "10.0.0.7:8080": is not SUBSCRIPTION=URL; give projects/P/subscriptions/S=http://HOST:PORT`}},
		{name: "workers from nowhere", args: []string{one, "--workers-file=/no/such/file"}, want: []string{`--workers-file "/no/such/file": cannot be read: no such file or directory; give a list such as [{"targets"`}},
		{name: "scrapes that overlap", args: []string{one, "--scrape-interval=2s", "--scrape-timeout=3s"}, want: []string{`--scrape-timeout "3s": leaves no time before the next scrape`}},
		{name: "scrapes too often", args: []string{one, "--scrape-interval=100ms", "--scrape-timeout=-1s"}, want: []string{`--scrape-interval "100ms": is out of bounds; give 1s to 1m`, `--scrape-timeout "-1s": must not be negative`}},
		{name: "a recording in no directory", args: []string{one, "--record=/no/such/directory/file", "--record-limit=0"}, want: []string{`--record-limit "0": is out of bounds`, `--record "/no/such/directory/file": is in no directory`}},
		{name: "a recording that would replace something else", args: []string{one, "--record=options_test.go"}, want: []string{`--record "options_test.go": holds something that is no recording, and would be replaced; give another file`}},
		{name: "a bound of no recording", args: []string{one, "--record-limit=5"}, want: []string{`--record-limit "5": bounds nothing; give --record`}},
		{name: "a worker's secret is not shown", args: []string{"--worker=offers=http://u:secret@worker"}, want: []string{`--worker "offers=http://u:xxxxx@worker": not a subscription`}},
		{name: "an endpoint with a secret", args: []string{one, "--monitoring-endpoint=https://u:secret@monitoring"}, want: []string{`--monitoring-endpoint "https://u:xxxxx@monitoring": is not https://host`}},
		{name: "a pattern without letters", args: []string{"--discover=shop", "--include="}, want: []string{`--include: is not a pattern`}},
		{name: "a domain that is none", args: []string{one, "--universe-domain=a b"}, want: []string{`--universe-domain "a b": is not a domain; give one such as googleapis.com`}},
		{name: "a port of nobody's pods", args: []string{one, "--worker-port=http"}, want: []string{`--worker-port "http": is looked for in no cluster; give --kube`}},
		{name: "a law that is none", args: []string{one, "--drain-time=0", "--headroom=0.5", "--pod-capacity=-1", "--max-arrival-rate=NaN", "--min-replicas=-1", "--max-replicas=0.5"}, want: []string{
			`--drain-time "0": is out of bounds; give seconds`, `--headroom "0.5": is out of bounds; give a factor from 1 to 10`, `--pod-capacity "-1"`, `--max-arrival-rate "NaN"`,
			`--min-replicas "-1"`, `--max-replicas "0.5"`,
		}},
		{name: "bounds that exclude each other", args: []string{one, "--min-replicas=5", "--max-replicas=4"}, want: []string{`--min-replicas "5": is above --max-replicas`}},
		{
			name: "everything wrong",
			args: []string{
				"--subscription=of", "--subscription=a/b", "--project=shop", "--listen=9090", "--monitoring-endpoint=monitoring", "--poll-interval=-1s",
				"--fresh-for=-2s", "--hold-for=-1s", "--log-level=loud", "--log-format=xml",
			},
			want: []string{
				`--subscription "of": not a subscription: the ID "of" must be 3 to 255`, `--subscription "a/b": not a subscription: want projects/P/subscriptions/S`,
				`--listen "9090": is not an address; give host:port or :port`, `--monitoring-endpoint "monitoring": is not an address; give host:port`,
				`--poll-interval "-1s"`, `--fresh-for "-2s"`, `--hold "-1s": must not be negative`, `--log-level "loud"`, `--log-format "xml"`,
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := parse(t, tt.args...)
			err := o.Validate()
			if len(tt.want) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if _, ok := errors.AsType[*config.Error](err); !ok {
				t.Fatalf("got %v", err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Fatalf("got %d faults, want %d:\n%s", len(lines), len(tt.want), err)
			}
			for i, line := range lines {
				if !strings.HasPrefix(line, tt.want[i]) {
					t.Errorf("got  %s\nwant %s", line, tt.want[i])
				}
			}
		})
	}
}

func TestTheProjectComesFromTheFlagOrElseTheEnvironment(t *testing.T) {
	t.Setenv("GOOGLE_CLOUD_PROJECT", "from-environment")
	o := DefaultOptions()
	if o.Project != "from-environment" {
		t.Fatalf("got %q", o.Project)
	}
	fs := pflag.NewFlagSet("backlog-exporter", pflag.ContinueOnError)
	o.RegisterFlags(fs)
	if err := fs.Parse([]string{"--project=from-flag"}); err != nil || o.Project != "from-flag" {
		t.Fatalf("got %q, %v", o.Project, err)
	}
}

func TestTheProjectOfSelectorsThatNameNone(t *testing.T) {
	t.Setenv("GOOGLE_CLOUD_PROJECT", "")
	const offers, images, other = "projects/shop/subscriptions/offers", "projects/shop/subscriptions/images", "projects/other/subscriptions/offers"
	for name, test := range map[string]struct {
		options Options
		want    string
	}{
		"said":                     {Options{Project: "said", Subscriptions: []string{offers}}, "said"},
		"all belong to one":        {Options{Subscriptions: []string{offers, images}}, "shop"},
		"they belong to two":       {Options{Subscriptions: []string{offers, other}}, ""},
		"a project watched whole":  {Options{Discover: []string{"shop"}}, "shop"},
		"that and another's":       {Options{Discover: []string{"shop"}, Subscriptions: []string{other}}, ""},
		"autoscalers say what for": {Options{Cluster: ClusterOptions{Kube: true}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.options.project(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestSubscriptionsComeInOrderAndOnce(t *testing.T) {
	o := parse(t, "--project=shop", "--subscription=offers", "--subscription=projects/other/subscriptions/orders",
		"--subscription=projects/shop/subscriptions/offers", "--subscription=archive")
	var faults config.Errors
	want := []backlog.Subscription{{Project: "other", ID: "orders"}, {Project: "shop", ID: "archive"}, {Project: "shop", ID: "offers"}}
	if diff := cmp.Diff(want, o.parseSubscriptions(&faults)); diff != "" || faults.Err() != nil {
		t.Fatal(diff, faults.Err())
	}
}

func TestTheDefaultsAddUp(t *testing.T) {
	o := DefaultOptions()
	const due = 3 * time.Minute // 60 s between samples and up to 120 s until one is visible
	if o.due() != due || o.FreshFor < due+o.PollInterval {
		t.Fatalf("a normal sample is up to %s old and would not be fresh for %s", due+o.PollInterval, o.FreshFor)
	}
	for name, want := range map[string]backlog.Limits{
		"num_undelivered_messages": {Fresh: 4 * time.Minute, Hold: 4 * time.Minute},
		"ack_message_count":        {Fresh: 5*time.Minute + time.Second, Hold: 4 * time.Minute},
		"nack_requests":            {Fresh: 8 * time.Minute, Hold: 4 * time.Minute},
	} {
		if got := o.timesOf(t, name).limits; got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

// TestALocalServerMayBeFasterThanLife: at twelve times the speed everything is a twelfth.
func TestALocalServerMayBeFasterThanLife(t *testing.T) {
	o := parse(t, "--monitoring-endpoint=127.0.0.1:1", "--poll-interval=5s", "--fresh-for=20s", "--hold-for=25s")
	got, normal := o.timesOf(t, "num_unacked_messages_by_region"), DefaultOptions().timesOf(t, "num_unacked_messages_by_region")
	for _, pair := range [][2]time.Duration{
		{got.due, normal.due},
		{got.limits.Fresh, normal.limits.Fresh},
		{got.limits.Hold, normal.limits.Hold},
		{got.memory, normal.memory},
		{got.window, normal.window},
		{got.first, normal.first},
	} {
		if 12*pair[0] != pair[1] {
			t.Fatalf("got %+v, normal is %+v", got, normal)
		}
	}
}
