package consume

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"spillway/internal/backlog"
	"spillway/internal/config"
	"spillway/internal/deliver"
)

// FlowOptions configures one flow: a subscription, its handler and limits.
type FlowOptions struct {
	// Name is the flow's own, for /push/{flow}; empty means the subscription's ID.
	Name string
	// Subscription is projects/P/subscriptions/S, or a short ID in the worker's project.
	Subscription string
	// Receive is how messages come: "pull", "push" or "both".
	Receive string
	// Required flows hold the worker's readiness until their stream has opened.
	Required bool
	// Target is the URL of the HTTP endpoint that handles messages. Exactly one of Target and Handler is given.
	Target string
	// Format is how messages are put into requests to Target.
	Format deliver.Format
	// EventSource is the source of CloudEvents; empty names the subscription.
	EventSource string
	// TargetHealth is the URL that says whether the target can take messages; empty lets a connection to Target count.
	TargetHealth string
	// Handler is a built-in handler: discard or work.
	Handler string
	// Work is what the handler "work" does with each message.
	Work deliver.Work
	// Concurrency is how many messages are handled at once, 1 to 100000.
	Concurrency int
	// MaxRate is how many messages are given to the handler in a second at the most; 0 sets no limit.
	MaxRate float64
	// HandlerTimeout bounds the handling of one message.
	HandlerTimeout time.Duration
	// LeaseExtension is how long a lease lasts unless it is extended, 10 s to 10 min: leases survive an outage of that
	// length, and a killed worker's messages wait as long for the next.
	LeaseExtension time.Duration
	// PullMode is how messages are pulled: "streaming", or "unary" for slow handlers.
	PullMode string
	// Streams is how many StreamingPull streams share the window, 1 to 32.
	Streams int
	// DeadLetterTopic takes the messages that the target marks dead-letter; empty leaves them to the subscription's policy.
	DeadLetterTopic string
	// PushAudience and PushServiceAccount are what the tokens of push deliveries must say; both or neither is given.
	PushAudience       string
	PushServiceAccount string

	given []string // values of --subscription
}

// How messages come, and how they are pulled.
const (
	pullStreaming = "streaming"
	pullUnary     = "unary"

	receivePull = "pull"
	receivePush = "push"
	receiveBoth = "both"
)

func defaultFlow() FlowOptions {
	return FlowOptions{
		Receive: receivePull, Required: true, PullMode: pullStreaming, Format: deliver.Wrapped, Concurrency: 100, HandlerTimeout: time.Minute, LeaseExtension: time.Minute, Streams: 1,
	}
}

// registerName binds what no two flows share.
func (o *FlowOptions) registerName(fs *pflag.FlagSet) {
	fs.Var(&listed{value: &o.Subscription, given: &o.given}, "subscription", "subscription to consume: projects/P/subscriptions/S, or a short ID with --project; several go into a file, see --config")
	fs.StringVar(&o.Name, "name", o.Name, "the flow's name, in /push/{flow} and on the page (default: the subscription's ID)")
}

// listed is a text that notes everything that it was given: of two subscriptions the first must not be forgotten silently.
type listed struct {
	value *string
	given *[]string
}

// Set implements pflag.Value.
func (l *listed) Set(s string) error {
	*l.value = s
	*l.given = append(*l.given, s)
	return nil
}

// String implements pflag.Value.
func (l *listed) String() string {
	if l.value == nil {
		return ""
	}
	return *l.value
}

// Type implements pflag.Value.
func (l *listed) Type() string { return "string" }

// registerFlags binds everything else of a flow.
func (o *FlowOptions) registerFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Receive, "receive", o.Receive, "how messages come: pull, push (deliveries to /push/{flow}, no stream), or both")
	fs.BoolVar(&o.Required, "required", o.Required, "whether the worker is ready only when this flow's stream has opened")
	fs.StringVar(&o.Target, "target", o.Target, "URL that each message is posted to")
	fs.StringVar((*string)(&o.Format), "format", string(o.Format), "with --target: wrapped or unwrapped, Pub/Sub's own push formats, or cloudevents, binary mode as Eventarc sends it")
	fs.StringVar(&o.EventSource, "event-source", o.EventSource, "with --format=cloudevents: the events' source, such as //pubsub.googleapis.com/projects/P/topics/T (default: the subscription's name instead of the topic's)")
	fs.StringVar(&o.TargetHealth, "target-health", o.TargetHealth, "URL that answers 200 to 299 when the target can take messages; nothing is pulled before (default: a connection to the target counts)")
	fs.StringVar(&o.Handler, "handler", o.Handler, "built-in handler instead of a target: discard or work")
	fs.DurationVar(&o.Work.Duration, "work-duration", o.Work.Duration, "with --handler=work: how long each message waits")
	fs.DurationVar(&o.Work.CPU, "work-cpu", o.Work.CPU, "with --handler=work: how long each message computes on one core")
	fs.Float64Var(&o.Work.ErrorRate, "work-error-rate", o.Work.ErrorRate, "with --handler=work: share of messages that are nacked, 0 to 1")
	fs.IntVar(&o.Concurrency, "concurrency", o.Concurrency, "messages handled at once")
	fs.Float64Var(&o.MaxRate, "max-rate", o.MaxRate, "messages given to the handler in a second at the most; 0 sets no limit")
	fs.DurationVar(&o.HandlerTimeout, "handler-timeout", o.HandlerTimeout, "longest handling of one message; then it is cancelled and nacked")
	fs.DurationVar(&o.LeaseExtension, "lease-extension", o.LeaseExtension, "how long a lease lasts unless it is extended, 10s to 10m: bridges an outage, and holds a killed worker's messages back")
	fs.StringVar(&o.PullMode, "pull-mode", o.PullMode, "streaming, or unary: Pull calls for as many messages as there are free handlers, for handlers so slow that messages would wait here while another worker is free")
	fs.IntVar(&o.Streams, "streams", o.Streams, "StreamingPull streams that share the window; one does for most")
	fs.StringVar(&o.DeadLetterTopic, "dead-letter-topic", o.DeadLetterTopic, "projects/P/topics/T for messages that the target marks dead-letter (default: nack them, so that the subscription's own policy counts)")
	fs.StringVar(&o.PushAudience, "push-audience", o.PushAudience, "audience that the token of a push delivery must have (default: no token is asked for)")
	fs.StringVar(&o.PushServiceAccount, "push-service-account", o.PushServiceAccount, "email of the service account that push deliveries must be signed by")
}

// pulls and pushed say how messages come.
func (o *FlowOptions) pulls() bool  { return o.Receive != receivePush }
func (o *FlowOptions) pushed() bool { return o.Receive != receivePull }

// name is the flow's name.
func (o *FlowOptions) name(sub backlog.Subscription) string {
	if o.Name != "" {
		return o.Name
	}
	return sub.ID
}

// flowName is what can be one segment of a path without escapes.
var flowName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~-]{0,254}$`)

// validate adds every fault of the flow.
func (o *FlowOptions) validate(project string, errs *config.Errors) {
	o.subscription(project, errs)
	errs.Check(len(o.given) < 2, "--subscription", strings.Join(o.given, ", "), "is given more than once", "put several flows into a file and give --config")
	errs.Check(o.Name == "" || flowName.MatchString(o.Name), "--name", o.Name, "is not a name", "use letters, digits and ._~-, beginning with a letter or digit")
	switch o.Receive {
	case receivePull, receivePush, receiveBoth:
	default:
		errs.Add("--receive", o.Receive, "is not a way to receive", "use pull, push or both")
	}
	o.validateHandler(errs)
	errs.Check(o.Concurrency >= 1 && o.Concurrency <= 100_000, "--concurrency", o.Concurrency, "is out of range", "give 1 to 100000")
	o.validateRate(errs)
	errs.Check(o.HandlerTimeout >= time.Millisecond && o.HandlerTimeout <= time.Hour, "--handler-timeout", o.HandlerTimeout,
		"is out of range", "give 1ms to 1h, such as 60s")
	errs.Check(o.LeaseExtension >= 10*time.Second && o.LeaseExtension <= 10*time.Minute, "--lease-extension", o.LeaseExtension,
		"is out of range", "give 10s to 10m, such as 60s")
	errs.Check(o.PullMode == pullStreaming || o.PullMode == pullUnary, "--pull-mode", o.PullMode, "is not a way to pull", "use streaming or unary")
	errs.Check(o.PullMode != pullUnary || o.pulls(), "--pull-mode", o.PullMode, "goes with --receive=pull or --receive=both only", "leave it out")
	errs.Check(o.PullMode != pullUnary || o.Streams == 1, "--streams", o.Streams, "goes with --pull-mode=streaming only", "leave it out")
	errs.Check(o.Streams >= 1 && o.Streams <= 32, "--streams", o.Streams, "is out of range", "give 1 to 32; 1 does for most")
	if o.DeadLetterTopic != "" {
		_, err := backlog.ParseTopic(o.DeadLetterTopic, project)
		if err != nil {
			errs.Add("--dead-letter-topic", o.DeadLetterTopic, err.Error(), "give projects/P/topics/T")
		}
	}
	o.validateTokens(errs)
}

// email is what can be a service account's name.
var email = regexp.MustCompile(`^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$`)

// onlyWithPushes is what is wrong with a key of pushes in a worker without any.
const onlyWithPushes = "goes with --receive=push or --receive=both only"

// validateTokens checks who may push. An audience alone would let in everybody who can ask Google for a token.
func (o *FlowOptions) validateTokens(errs *config.Errors) {
	audience, account := o.PushAudience, o.PushServiceAccount
	errs.Check(account == "" || email.MatchString(account), "--push-service-account", account, "is not an email", "give one such as pusher@shop.iam.gserviceaccount.com")
	switch {
	case !o.pushed():
		errs.Check(audience == "", "--push-audience", audience, onlyWithPushes, "add it or leave this out")
		errs.Check(account == "", "--push-service-account", account, onlyWithPushes, "add it or leave this out")
	case audience == "" && account != "":
		errs.Add("--push-audience", "", "is required with --push-service-account", "give the audience of the push subscription")
	case audience != "" && account == "":
		errs.Add("--push-service-account", "", "is required with --push-audience", "give the service account of the push subscription; anybody can have a token with your audience")
	}
}

// subscription returns the parsed subscription, or adds the fault.
func (o *FlowOptions) subscription(project string, errs *config.Errors) backlog.Subscription {
	if o.Subscription == "" {
		errs.Add("--subscription", "", "is required", "give projects/P/subscriptions/S, or its short ID")
		return backlog.Subscription{}
	}
	sub, err := backlog.ParseSubscription(o.Subscription, project)
	if err != nil {
		errs.Add("--subscription", o.Subscription, err.Error(), "give projects/P/subscriptions/S, or a short ID with --project")
	}
	return sub
}

func (o *FlowOptions) validateHandler(errs *config.Errors) {
	if o.Target == "" && o.Handler == "" {
		errs.Add("--target", "", "is required", "give the URL that handles messages, or --handler=discard or --handler=work")
		return // What goes with either is not known.
	}
	errs.Check(o.Target == "" || o.Handler == "", "--handler", o.Handler, "excludes --target", "give one of the two")
	errs.Check(o.Handler == "" || o.Handler == "discard" || o.Handler == "work", "--handler", o.Handler, "is not a handler", "use discard or work, or --target for your own")
	if o.Target != "" {
		if _, err := parseTarget(o.Target); err != "" {
			errs.Add("--target", config.RedactURL(o.Target), err, "give an http or https URL with a host, such as http://127.0.0.1:8081/offers")
		}
	}
	o.validateFormat(errs)
	o.validateWork(errs)
}

func (o *FlowOptions) validateWork(errs *config.Errors) {
	work, works := o.Work, o.Handler == "work"
	const problem, cure = "goes with --handler=work only", "add it or leave this out"
	errs.Check(works || work.Duration == 0, "--work-duration", work.Duration, problem, cure)
	errs.Check(works || work.CPU == 0, "--work-cpu", work.CPU, problem, cure)
	errs.Check(works || work.ErrorRate == 0, "--work-error-rate", work.ErrorRate, problem, cure)
	errs.Check(work.Duration >= 0, "--work-duration", work.Duration, "is negative", "give 0s or more")
	errs.Check(work.CPU >= 0, "--work-cpu", work.CPU, "is negative", "give 0s or more")
	errs.Check(work.ErrorRate >= 0 && work.ErrorRate <= 1, "--work-error-rate", work.ErrorRate, "is out of range", "give 0 to 1")
}

func (o *FlowOptions) validateFormat(errs *config.Errors) {
	errs.Check(o.Format.Valid(), "--format", string(o.Format), "is not a format", "use wrapped, unwrapped or cloudevents")
	errs.Check(o.Target != "" || !o.Format.Valid() || o.Format == deliver.Wrapped, "--format", string(o.Format), "goes with --target only", "give a target or leave it out")
	if o.EventSource != "" {
		_, err := url.Parse(o.EventSource)
		errs.Check(err == nil, "--event-source", o.EventSource, "is not a URI reference", "give one such as //pubsub.googleapis.com/projects/P/topics/T")
		errs.Check(o.Format == deliver.CloudEvents, "--event-source", o.EventSource, "goes with --format=cloudevents only", "add it or leave this out")
	}
	if o.TargetHealth != "" {
		if _, err := parseTarget(o.TargetHealth); err != "" {
			errs.Add("--target-health", config.RedactURL(o.TargetHealth), err, "give an http or https URL with a host, such as http://127.0.0.1:8081/healthz")
		}
		errs.Check(o.Target != "", "--target-health", config.RedactURL(o.TargetHealth), "goes with --target only", "give a target or leave it out")
	}
}

// longestTurn bounds how long a message that is leased may wait for its turn in the rate.
const longestTurn = 5 * time.Minute

// validateRate also holds the rate against the window: what is leased waits here for its turn, and for no other worker's.
func (o *FlowOptions) validateRate(errs *config.Errors) {
	if o.MaxRate == 0 {
		return
	}
	if !(o.MaxRate >= 0.01 && o.MaxRate <= 1e6) { // NaN is neither.
		errs.Add("--max-rate", fmt.Sprint(o.MaxRate), "is out of range", "give 0.01 to 1000000 messages a second; 0 sets no limit")
		return
	}
	if window := o.Concurrency + allowance(o.Concurrency); float64(window)/o.MaxRate > longestTurn.Seconds() {
		errs.Add("--max-rate", fmt.Sprint(o.MaxRate), "is so low that messages would wait for their turn longer than "+longestTurn.String(),
			fmt.Sprintf("give --concurrency=%d or less", max(1, int(o.MaxRate*longestTurn.Seconds()/1.2))))
	}
}

// parseTarget returns the URL, or what is wrong with it.
func parseTarget(target string) (*url.URL, string) {
	u, err := url.Parse(target)
	switch {
	case err != nil:
		return nil, "is not a URL"
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, "is not an http or https URL"
	case u.Hostname() == "":
		return nil, "has no host"
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, "has a port that does not exist"
		}
	}
	return u, ""
}
