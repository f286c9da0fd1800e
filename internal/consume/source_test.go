package consume_test

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"

	"spillway/internal/config"
	"spillway/internal/consume"
	"spillway/internal/deliver"
)

// load parses the arguments as the command does, with the content as the file of --config.
func load(t *testing.T, content string, args ...string) (consume.Options, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	const path = "worker.yaml"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	o := consume.DefaultOptions()
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.RegisterFlags(fs)
	if err := fs.Parse(append([]string{"--config=" + path}, args...)); err != nil {
		t.Fatal(err)
	}
	if err := o.Load(fs); err != nil {
		return o, err
	}
	return o, o.Validate()
}

const twoFlows = `
project: shop
listen: ":9090"
drain-limit: 20s
concurrency: 50 # unless a flow says otherwise
log-level: warn
flows:
  - subscription: offers
    target: http://127.0.0.1:8081/offers
  - subscription: projects/other/subscriptions/images
    name: pictures
    handler: work
    work-duration: 2s
    concurrency: 4
    required: false
    receive: both
    push-audience: worker
    push-service-account: pusher@shop.iam.gserviceaccount.com
`

func TestSeveralFlowsComeFromAFile(t *testing.T) {
	t.Setenv("GOOGLE_CLOUD_PROJECT", "")
	o, err := load(t, twoFlows)
	if err != nil {
		t.Fatal(err)
	}
	if o.Listen != ":9090" || o.DrainLimit != 20*time.Second || o.Logging.Level != "warn" || o.Project != "shop" || len(o.Flows) != 2 {
		t.Errorf("got %+v", o)
	}
	first, second := o.Flows[0], o.Flows[1]
	if first.Subscription != "offers" || first.Concurrency != 50 || !first.Required || first.Receive != "pull" || first.HandlerTimeout != time.Minute {
		t.Errorf("the first: %+v", first)
	}
	if second.Name != "pictures" || second.Concurrency != 4 || second.Required || second.Receive != "both" || second.Work.Duration != 2*time.Second {
		t.Errorf("the second: %+v", second)
	}
}

func TestAFlagComesBeforeTheEnvironmentAndThatBeforeTheFile(t *testing.T) {
	t.Setenv("GOOGLE_CLOUD_PROJECT", "")
	tests := []struct {
		name, environment string
		args              []string
		project           string
		concurrency       []int
	}{
		{"the file alone", "", nil, "shop", []int{50, 4}},
		{"the environment", "env", nil, "env", []int{50, 4}},
		{"a flag of the worker", "env", []string{"--project=flag"}, "flag", []int{50, 4}},
		{"a flag of the flows holds for each", "", []string{"--concurrency=7"}, "shop", []int{7, 7}},
		{"a flag that says the default", "", []string{"--concurrency=100"}, "shop", []int{100, 100}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("GOOGLE_CLOUD_PROJECT", tt.environment)
			o, err := load(t, twoFlows, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			got := []int{o.Flows[0].Concurrency, o.Flows[1].Concurrency}
			if o.Project != tt.project || !slices.Equal(got, tt.concurrency) {
				t.Errorf("project %s, concurrency %v", o.Project, got)
			}
		})
	}
}

func TestEveryFaultOfAFileIsToldAtOnceWithItsLineAndItsCure(t *testing.T) {
	t.Setenv("GOOGLE_CLOUD_PROJECT", "")
	const flow = "flows:\n- subscription: projects/shop/subscriptions/offers\n  handler: discard\n"
	tests := []struct {
		name, content string
		args          []string
		want          []string
	}{
		{"an unknown key", flow + "  concurency: 5\n", nil, []string{"worker.yaml:4 concurency: is not a key; did you mean concurrency?"}},
		{"an unknown key at the top", "lissten: :80\n" + flow, nil, []string{"worker.yaml:1 lissten: is not a key; did you mean listen?"}},
		{"a key of the worker in a flow", flow + "  listen: :80\n", nil, []string{"worker.yaml:4 listen: is not a key; it holds for the whole worker, move it to the top of the file"}},
		{"a key of a flow at the top", "subscription: x\n" + flow, nil, []string{"worker.yaml:1 subscription: is not a key; it belongs to a flow"}},
		{"a file that names a file", "config: x\n" + flow, nil, []string{"worker.yaml:1 config: is not a key; a file names no other"}},
		{"a value out of range", flow + "  concurrency: 0\n", nil, []string{`worker.yaml:4 concurrency "0": is out of range; give 1 to 100000`}},
		{"a default out of range", "concurrency: 0\n" + flow, nil, []string{`worker.yaml:1 concurrency "0": is out of range`}},
		{"a flag out of range", flow, []string{"--concurrency=0"}, []string{`--concurrency "0": is out of range`}},
		{"a value of the worker out of range", "drain-limit: -1s\n" + flow, nil, []string{`worker.yaml:1 drain-limit "-1s": is out of range`}},
		{"no handler", "flows:\n- subscription: projects/shop/subscriptions/offers\n", nil, []string{"worker.yaml:2 target: is required; give the URL that handles messages, or handler: discard or handler: work"}},
		{"no subscription", "flows:\n- handler: discard\n", nil, []string{"worker.yaml:2 subscription: is required"}},
		{"no flows", "listen: :80\n", nil, []string{"worker.yaml:1 flows: is required; give the list of flows"}},
		{
			"a subscription twice", flow + "- subscription: projects/shop/subscriptions/offers\n  name: again\n  handler: discard\n", nil,
			[]string{`worker.yaml:4 subscription "projects/shop/subscriptions/offers": is another flow's already`},
		},
		{
			"one ID in two projects", flow + "- subscription: projects/other/subscriptions/offers\n  name: again\n  handler: discard\n", nil,
			[]string{`worker.yaml:4 subscription "projects/other/subscriptions/offers": is another flow's already; leave one out; subscriptions of one ID in two projects go into two workers`},
		},
		{
			"a name twice", flow + "- subscription: projects/shop/subscriptions/images\n  name: offers\n  handler: discard\n", nil,
			[]string{`worker.yaml:5 name "offers": is another flow's already; give each flow a name of its own`},
		},
		{"a name that is no segment", flow + "  name: a/b\n", nil, []string{`worker.yaml:4 name "a/b": is not a name`}},
		{"another way to receive", flow + "  receive: poll\n", nil, []string{`worker.yaml:4 receive "poll": is not a way to receive; use pull, push or both`}},
		{"an audience alone", flow + "  receive: push\n  push-audience: x\n", nil, []string{"worker.yaml:2 push-service-account: is required with push-audience"}},
		{"an account alone", flow + "  receive: push\n  push-service-account: x@y.z\n", nil, []string{"worker.yaml:2 push-audience: is required with push-service-account"}},
		{"tokens without pushes", flow + "  push-audience: x\n  push-service-account: x@y.z\n", nil, []string{
			`worker.yaml:4 push-audience "x": goes with receive: push or receive: both only; add it`, `worker.yaml:5 push-service-account "x@y.z": goes with receive: push`,
		}},
		{
			"keys that are not there", "push-keys: /nowhere\n" + flow + "  receive: push\n  push-audience: x\n  push-service-account: x@y.z\n", nil,
			[]string{`worker.yaml:1 push-keys "/nowhere": open /nowhere: no such file or directory`},
		},
		{"a subscription beside the file", flow, []string{"--subscription=x"}, []string{"--subscription: excludes --config; write it into the file, or leave --config out"}},
		{"a name beside the file", flow, []string{"--name=x"}, []string{"--name: excludes --config"}},
		{
			"faults of every kind", "lissten: x\nlog-level: loud\n" + flow + "  streams: many\n  max-rate: -1\n", nil,
			[]string{"worker.yaml:1 lissten", `worker.yaml:6 streams "many": is not a valid whole number`, `worker.yaml:7 max-rate "-1"`, `worker.yaml:2 log-level "loud"`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, tt.content, tt.args...)
			if _, ok := errors.AsType[*config.Error](err); !ok {
				t.Fatalf("%v is not a config.Error", err)
			}
			expectLines(t, err, tt.want)
		})
	}
}

func TestWhatFollowsFromAFaultIsNotToldAndNoFaultHidesAnother(t *testing.T) {
	t.Setenv("GOOGLE_CLOUD_PROJECT", "")
	const offers, images = "- subscription: projects/shop/subscriptions/offers\n", "- subscription: projects/shop/subscriptions/images\n"
	const target = "  target: http://127.0.0.1:8081/\n"
	tests := []struct {
		name, content string
		args          []string
		want          []string
	}{
		{
			"the form of the file", "log-level: loud\nconcurrency: 5\nconcurrency: 6\nflows:\n- word\n" + offers + "  handler:\n  streams: 0\n", nil,
			[]string{"worker.yaml:3 concurrency: stands in line 2 already", "worker.yaml:5: is not a mapping", "worker.yaml:7 handler: has no value", `worker.yaml:8 streams "0": is out of range`, `worker.yaml:1 log-level "loud"`},
		},
		{"a subscription at the top", "subscription: x\nflows:\n- handler: discard\n  streams: 0\n", nil, []string{"worker.yaml:1 subscription: is not a key; it belongs to a flow", `worker.yaml:4 streams "0"`}},
		{"a subscription at the top, and two flows without", "subscription: x\nflows:\n- handler: discard\n- handler: work\n", nil, []string{"worker.yaml:1 subscription: is not a key", "worker.yaml:4 subscription: is required"}},
		{"keys in the wrong case", "flows:\n- Subscription: x\n  TARGET: http://h/\n", nil, []string{"worker.yaml:2 Subscription: is not a key; did you mean subscription?", "worker.yaml:3 TARGET: is not a key; did you mean target?"}},
		{"a misspelt handler", "flows:\n" + offers + "  hander: work\n  work-cpu: 1s\n", nil, []string{"worker.yaml:3 hander: is not a key; did you mean handler?"}},
		{"a misspelt way to receive", "flows:\n" + offers + target + "  recieve: push\n  push-audience: x\n  push-service-account: x@y.z\n", nil, []string{"worker.yaml:4 recieve: is not a key; did you mean receive?"}},
		{"a project without a value", "project:\nflows:\n- subscription: offers\n" + target + "- handler: discard\n", nil, []string{"worker.yaml:1 project: has no value", "worker.yaml:5 subscription: is required"}},
		{"a project in a flow", "flows:\n- subscription: offers\n  project: shop\n" + target, nil, []string{"worker.yaml:3 project: is not a key; it holds for the whole worker"}},
		{"a misspelt list of flows", "flow:\n" + offers, nil, []string{"worker.yaml:1 flow: is not a key; did you mean flows?"}},
		{"no flow in the list", "flows: []\n", nil, []string{"worker.yaml:1 flows: is an empty list"}},
		{"a flag that is wrong for each flow", "flows:\n" + offers + target + images + target, []string{"--concurrency=0", "--work-cpu=1s"}, []string{
			`--work-cpu "1s": goes with --handler=work only`, `--concurrency "0": is out of range`,
		}},
		{"a default that is wrong for each flow", "streams: 0\nflows:\n" + offers + target + images + target, nil, []string{`worker.yaml:1 streams "0"`}},
		{"a flag instead of a value that does not fit", "flows:\n" + offers + target + "  streams: many\n", []string{"--streams=0"}, []string{`worker.yaml:4 streams "many"`, `--streams "0": is out of range`}},
		{"a handler by flag, a target in the file", "flows:\n" + offers + target, []string{"--handler=discard"}, []string{`--handler "discard": excludes worker.yaml:3 target; give one of the two`}},
		{"a handler by flag, a target at the top", "target: http://h/\nflows:\n" + offers, []string{"--handler=discard"}, []string{`--handler "discard": excludes worker.yaml:1 target; give one of the two`}},
		{"a handler by flag and several targets", "flows:\n" + offers + target + images + target, []string{"--handler=nope"}, []string{`--handler "nope": excludes worker.yaml:3 target`, `--handler "nope": is not a handler`}},
		{"a target by flag, a handler in the file", "flows:\n" + offers + "  handler: discard\n", []string{"--target=http://h/"}, []string{`worker.yaml:3 handler "discard": excludes --target`}},
		{"a target and a handler in one flow", "flows:\n" + offers + target + "  handler: discard\n", nil, []string{`worker.yaml:4 handler "discard": excludes target`}},
		{"a default that no flow can use", "work-cpu: 1s\nformat: unwrapped\nflows:\n" + offers + "  handler: discard\n" + images + "  handler: discard\n", nil, []string{
			`worker.yaml:2 format "unwrapped": goes with target only`, `worker.yaml:1 work-cpu "1s": goes with handler: work only`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, tt.content, tt.args...)
			if err == nil {
				t.Fatal("no fault")
			}
			expectLines(t, err, tt.want)
		})
	}
}

// expectLines compares the beginnings of the faults.
func expectLines(t *testing.T, err error, want []string) {
	t.Helper()
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Fatalf("got %q, want %q", lines, want)
	}
	for i, beginning := range want {
		if !strings.HasPrefix(lines[i], beginning) {
			t.Errorf("got %q, want %q", lines[i], beginning)
		}
	}
}

func TestAFlowOfAnotherKindTakesNothingFromTheTopThatItHasNoUseFor(t *testing.T) {
	t.Setenv("GOOGLE_CLOUD_PROJECT", "shop")
	const target = "http://127.0.0.1:8081/"
	tests := []struct {
		name, top, flow string
		want            func(*consume.FlowOptions)
	}{
		{"a target for a handler", "handler: discard", "target: " + target, func(o *consume.FlowOptions) { o.Target = target }},
		{"a handler for a target", "target: " + target, "handler: discard", func(o *consume.FlowOptions) { o.Handler = "discard" }},
		{"a target for work", "handler: work\nwork-duration: 1s\nwork-cpu: 1s\nwork-error-rate: 0.5", "target: " + target, func(o *consume.FlowOptions) { o.Target = target }},
		{"another handler for work", "handler: work\nwork-duration: 1s", "handler: discard", func(o *consume.FlowOptions) { o.Handler = "discard" }},
		{"the same handler", "handler: work\nwork-duration: 1s", "handler: work", func(o *consume.FlowOptions) { o.Handler, o.Work.Duration = "work", time.Second }},
		{"a handler for a target with a format", "target: " + target + "\nformat: cloudevents\nevent-source: x\ntarget-health: " + target, "handler: discard", func(o *consume.FlowOptions) { o.Handler = "discard" }},
		{"another format", "target: " + target + "\nformat: cloudevents\nevent-source: x", "format: unwrapped", func(o *consume.FlowOptions) { o.Target, o.Format = target, "unwrapped" }},
		{"another target", "target: http://h/\nformat: unwrapped", "target: " + target, func(o *consume.FlowOptions) { o.Target, o.Format = target, "unwrapped" }},
		{"pushes", "handler: discard\npull-mode: unary", "receive: push", func(o *consume.FlowOptions) { o.Handler, o.Receive = "discard", "push" }},
		{"unary pulls", "handler: discard\nstreams: 3", "pull-mode: unary", func(o *consume.FlowOptions) { o.Handler, o.PullMode = "discard", "unary" }},
		{"pulls", "handler: discard\nreceive: both\npush-audience: x\npush-service-account: x@y.z", "receive: pull", func(o *consume.FlowOptions) { o.Handler = "discard" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := load(t, tt.top+"\nflows:\n- subscription: offers\n  "+tt.flow+"\n")
			if err != nil {
				t.Fatal(err)
			}
			want := consume.DefaultOptions().FlowOptions
			want.Subscription = "offers"
			tt.want(&want)
			if diff := cmp.Diff(want, o.Flows[0], cmpopts.IgnoreUnexported(consume.FlowOptions{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestADefaultIsForTheFlowsThatHaveAUseForIt(t *testing.T) {
	t.Setenv("GOOGLE_CLOUD_PROJECT", "shop")
	o, err := load(t, `
format: unwrapped
work-cpu: 1s
flows:
- {subscription: offers, target: "http://127.0.0.1:8081/"}
- {subscription: images, handler: discard}
- {subscription: orders, handler: work}
`)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []consume.FlowOptions{{Format: "unwrapped"}, {Format: "wrapped"}, {Format: "wrapped", Work: deliver.Work{CPU: time.Second}}} {
		if got := o.Flows[i]; got.Format != want.Format || got.Work != want.Work {
			t.Errorf("flow %d: %s, %v", i, got.Format, got.Work)
		}
	}
}

func TestAnEmptyConfigIsAnError(t *testing.T) {
	o := consume.DefaultOptions()
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.RegisterFlags(fs)
	if err := fs.Parse([]string{"--config="}); err != nil {
		t.Fatal(err)
	}
	if err := o.Load(fs); err == nil || err.Error() != "--config: is empty; give the path of a YAML file, or leave it out" {
		t.Errorf("got %v", err)
	}
}

func TestAFileThatIsNoneDoesNotHideWrongFlags(t *testing.T) {
	_, err := load(t, "flows: [\n", "--log-level=loud")
	if err == nil {
		t.Fatal("no fault")
	}
	expectLines(t, err, []string{"worker.yaml:1: is not YAML", `--log-level "loud": is not a level`})
}

func TestTwoSubscriptionsOnTheCommandLineAreAnError(t *testing.T) {
	o := consume.DefaultOptions()
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.RegisterFlags(fs)
	if err := fs.Parse([]string{"--project=shop", "--subscription=offers", "--subscription=images", "--handler=discard"}); err != nil {
		t.Fatal(err)
	}
	err := errors.Join(o.Load(fs), o.Validate())
	if err == nil || err.Error() != `--subscription "offers, images": is given more than once; put several flows into a file and give --config` {
		t.Errorf("got %v", err)
	}
}

func TestTheDocumentedFileIsTaken(t *testing.T) {
	t.Setenv("GOOGLE_CLOUD_PROJECT", "")
	doc, err := os.ReadFile("../../docs/worker.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/worker.md has no example")
	}
	if o, err := load(t, example); err != nil || len(o.Flows) != 3 || o.Flows[1].Concurrency != 4 || o.Flows[2].Name != "orders-by-push" {
		t.Errorf("%v: %+v", err, o.Flows)
	}
}

// own are the flags that a file has no key for, and shared those that it has at its top alone.
var (
	own    = []string{"config"}
	shared = []string{"admin-listen", "drain-limit", "listen", "log-format", "log-level", "project", "push-keys"}
)

func TestEveryFlagIsAKeyAndTheDocumentKnowsThem(t *testing.T) {
	doc, err := os.ReadFile("../../docs/worker.md")
	if err != nil {
		t.Fatal(err)
	}
	o := consume.DefaultOptions()
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.RegisterFlags(fs)
	got := map[string]string{}
	fs.VisitAll(func(f *pflag.Flag) {
		value := f.Value.String()
		if value == "" {
			value = "x"
		}
		got[f.Name] = "flow"
		if _, err := load(t, "flows:\n- "+f.Name+": \""+value+"\"\n"); strings.Contains(err.Error(), f.Name+": is not a key") {
			got[f.Name] = "top"
		}
		if _, err := load(t, f.Name+": \""+value+"\"\n"); strings.Contains(err.Error(), f.Name+": is not a key") && got[f.Name] == "top" {
			got[f.Name] = "none"
		}
		if !strings.Contains(string(doc), "\n| `"+f.Name+"` | ") {
			t.Errorf("docs/worker.md has no row for %s", f.Name)
		}
	})
	want := map[string]string{}
	fs.VisitAll(func(f *pflag.Flag) { want[f.Name] = "flow" })
	for _, name := range shared {
		want[name] = "top"
	}
	for _, name := range own {
		want[name] = "none"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("of %v:\n%s", slices.Sorted(maps.Keys(got)), diff)
	}
}
