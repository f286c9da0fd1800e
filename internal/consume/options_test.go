package consume_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"spillway/internal/config"
	"spillway/internal/consume"
	"spillway/internal/deliver"
)

func valid() consume.Options {
	o := consume.DefaultOptions()
	o.Project = ""
	o.Subscription = "projects/shop/subscriptions/offers"
	o.Target = "http://127.0.0.1:8081/offers"
	return o
}

func TestTheDefaultsNeedOnlyASubscriptionAndAHandler(t *testing.T) {
	o := valid()
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestValidateNamesTheFlagAndTheCure(t *testing.T) {
	tests := []struct {
		name   string
		change func(*consume.Options)
		want   string
	}{
		{"no subscription", func(o *consume.Options) { o.Subscription = "" }, "--subscription: is required"},
		{"a topic", func(o *consume.Options) { o.Subscription = "projects/p/topics/t" }, `--subscription "projects/p/topics/t": not a subscription`},
		{"a short ID without a project", func(o *consume.Options) { o.Subscription = "offers" }, "needs a project"},
		{"no handler", func(o *consume.Options) { o.Target = "" }, "--target: is required"},
		{"two handlers", func(o *consume.Options) { o.Handler = "discard" }, `--handler "discard": excludes --target`},
		{"an unknown handler", func(o *consume.Options) { o.Target, o.Handler = "", "sleep" }, `--handler "sleep": is not a handler`},
		{"a target without a scheme", func(o *consume.Options) { o.Target = "127.0.0.1:8081" }, "--target"},
		{"a target without a host", func(o *consume.Options) { o.Target = "http:///offers" }, "has no host"},
		{"a target of another kind", func(o *consume.Options) { o.Target = "ftp://host/offers" }, "is not an http or https URL"},
		{"a target without a scheme is shown", func(o *consume.Options) { o.Target = "127.0.0.1:8081" }, `--target "127.0.0.1:8081": is not a URL`},
		{"a target with nothing but a scheme", func(o *consume.Options) { o.Target = "http://" }, `--target "http://": has no host`},
		{"a target whose port is too high", func(o *consume.Options) { o.Target = "http://host:99999/" }, `--target "http://host:99999/": has a port that does not exist`},
		{"a port for an address", func(o *consume.Options) { o.Listen = "8080" }, `--listen "8080": is not an address`},
		{"an address whose port is too high", func(o *consume.Options) { o.Listen = ":99999" }, `--listen ":99999": is not an address`},
		{"no concurrency", func(o *consume.Options) { o.Concurrency = 0 }, `--concurrency "0"`},
		{"too much concurrency", func(o *consume.Options) { o.Concurrency = 1e6 }, `--concurrency "1000000"`},
		{"no handler timeout", func(o *consume.Options) { o.HandlerTimeout = 0 }, `--handler-timeout "0s"`},
		{"a lease that the service does not grant", func(o *consume.Options) { o.LeaseExtension = 9 * time.Second }, `--lease-extension "9s"`},
		{"no stream", func(o *consume.Options) { o.Streams = 0 }, `--streams "0"`},
		{"an unknown way to pull", func(o *consume.Options) { o.PullMode = "poll" }, `--pull-mode "poll": is not a way to pull; use streaming or unary`},
		{"pulling without pulls", func(o *consume.Options) { o.Receive, o.PullMode = "push", "unary" }, `--pull-mode "unary": goes with --receive=pull`},
		{"streams without streaming", func(o *consume.Options) { o.Streams, o.PullMode = 2, "unary" }, `--streams "2": goes with --pull-mode=streaming only`},
		{"a negative drain limit", func(o *consume.Options) { o.DrainLimit = -time.Second }, `--drain-limit "-1s"`},
		{"work without its handler", func(o *consume.Options) { o.Work.Duration = time.Second }, `--work-duration "1s": goes with --handler=work only`},
		{"a target and an unknown handler", func(o *consume.Options) { o.Handler = "nope" }, "--handler \"nope\": excludes --target; give one of the two\n--handler \"nope\": is not a handler; use discard or work"},
		{"an account that is no email", func(o *consume.Options) { o.Receive, o.PushAudience, o.PushServiceAccount = "push", "a", "notanemail" }, `--push-service-account "notanemail": is not an email; give one such as pusher@shop.iam.gserviceaccount.com`},
		{"an audience without pushes", func(o *consume.Options) { o.PushAudience = "a" }, `--push-audience "a": goes with --receive=push or --receive=both only; add it or leave this out`},
		{"an account without pushes", func(o *consume.Options) { o.PushServiceAccount = "a@b.c" }, `--push-service-account "a@b.c": goes with --receive=push`},
		{"keys without pushes", func(o *consume.Options) { o.PushKeys = "nope" }, `--push-keys "nope": goes with --receive=push or --receive=both only; add it or leave this out`},
		{"keys without tokens", func(o *consume.Options) { o.Receive, o.PushKeys = "both", "nope" }, `--push-keys "nope": goes with --push-audience only; add it or leave this out`},
		{"empty keys", func(o *consume.Options) {
			o.Receive, o.PushAudience, o.PushServiceAccount, o.PushKeys = "push", "a", "a@b.c", ""
		}, "--push-keys: is empty; give a file or URL"},
		{"empty keys without pushes", func(o *consume.Options) { o.PushKeys = "" }, "--push-keys: is empty"},
		{"no log level", func(o *consume.Options) { o.Logging.Level = "" }, "--log-level: is not a level"},
		{"an impossible error rate", func(o *consume.Options) { o.Target, o.Handler, o.Work = "", "work", deliver.Work{ErrorRate: 2} }, `--work-error-rate "2"`},
		{"a dead-letter subscription", func(o *consume.Options) { o.DeadLetterTopic = "projects/p/subscriptions/s" }, "--dead-letter-topic"},
		{"an unknown format", func(o *consume.Options) { o.Format = "json" }, `--format "json": is not a format; use wrapped, unwrapped or cloudevents`},
		{"a format without a target", func(o *consume.Options) { o.Target, o.Handler, o.Format = "", "discard", "unwrapped" }, `--format "unwrapped": goes with --target only`},
		{"an event source without events", func(o *consume.Options) { o.EventSource = "//pubsub.googleapis.com/projects/p/topics/t" }, "--event-source"},
		{"an event source that is no URI", func(o *consume.Options) { o.Format, o.EventSource = "cloudevents", "%zz" }, `--event-source "%zz": is not a URI reference`},
		{"a health URL without a host", func(o *consume.Options) { o.TargetHealth = "http:///healthz" }, `--target-health "http:///healthz": has no host`},
		{"a health URL without a target", func(o *consume.Options) { o.Target, o.Handler, o.TargetHealth = "", "discard", "http://h/" }, `--target-health "http://h/": goes with --target only`},
		{"a negative rate", func(o *consume.Options) { o.MaxRate = -1 }, `--max-rate "-1": is out of range`},
		{"a rate that is no number", func(o *consume.Options) { o.MaxRate = math.NaN() }, `--max-rate "NaN": is out of range`},
		{"a rate too low for its window", func(o *consume.Options) { o.MaxRate = 0.1 }, `--max-rate "0.1": is so low that messages would wait for their turn longer than 5m0s; give --concurrency=25 or less`},
		{"an unknown log level", func(o *consume.Options) { o.Logging.Level = "loud" }, `--log-level "loud"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := valid()
			tt.change(&o)
			err := o.Validate()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q in it", err, tt.want)
			}
			if _, ok := errors.AsType[*config.Error](err); !ok {
				t.Fatalf("%v is not a config.Error", err)
			}
		})
	}
}

func TestValidateReportsEverythingAtOnceAndNoSecret(t *testing.T) {
	o := valid()
	o.Subscription, o.Concurrency, o.Target = "", -1, "ftp://user:hunter2@host/?token=hunter3"
	err := o.Validate()
	if got := strings.Count(err.Error(), "\n") + 1; got != 3 {
		t.Errorf("%d faults in:\n%v", got, err)
	}
	if strings.Contains(err.Error(), "hunter") {
		t.Errorf("a secret is shown: %v", err)
	}
	o.Target = "http://user:hunter2@ho st/?token=hunter3"
	if err = o.Validate(); strings.Contains(err.Error(), "hunter") {
		t.Errorf("a secret of what is no URL is shown: %v", err)
	}
}

func TestOnlyWhatWasGivenIsNamed(t *testing.T) {
	o := valid()
	o.Work.CPU = time.Second
	o.Handler, o.Target = "discard", ""
	if err := o.Validate(); err == nil || err.Error() != `--work-cpu "1s": goes with --handler=work only; add it or leave this out` {
		t.Errorf("got %v", err)
	}
}

func TestWithoutAHandlerNothingIsSaidOfWhatGoesWithIt(t *testing.T) {
	o := valid()
	o.Target, o.Format, o.Work.CPU = "", "unwrapped", time.Second
	if err := o.Validate(); err == nil || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "--target: is required") {
		t.Errorf("got %v", err)
	}
}
