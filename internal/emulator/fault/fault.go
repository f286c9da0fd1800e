package fault

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is what goes wrong.
type Kind string

// The kinds of faults. A hit is drawn for each call, except where another unit is named.
const (
	// Unavailable refuses calls with code Unavailable; nothing is executed.
	Unavailable Kind = "unavailable"
	// Denied refuses calls with code PermissionDenied, as to an account without the role, and ends open streams so; nothing is
	// executed. TestIamPermissions leaves out the permissions of what is denied.
	Denied Kind = "denied"
	// Hang answers calls never: they end with their deadline, or when the fault does.
	Hang Kind = "hang"
	// Slow executes calls later by Delay.
	Slow Kind = "slow"
	// Lost executes calls and then answers Unavailable, as when the answer is lost on its way.
	Lost Kind = "lost"
	// Transient fails acknowledgements and deadline changes of exactly-once subscriptions, each ack id by a draw of its own,
	// with TRANSIENT_FAILURE_SERVICE_UNAVAILABLE; nothing is executed for those. It applies to unary calls.
	Transient Kind = "transient"
	// Cut ends streams with Unavailable; drawn for each response, and four times a second.
	Cut Kind = "cut"
	// HalfDead leaves streams open and lets nothing through any more in either direction; drawn once for each stream.
	HalfDead Kind = "halfdead"
	// Duplicate delivers messages twice in a response, with one ack id; drawn for each message. Exactly-once subscriptions
	// are spared.
	Duplicate Kind = "duplicate"
	// Disorder moves messages within a response; drawn for each message. Subscriptions with ordering are spared.
	Disorder Kind = "disorder"
)

// Fault is one thing that goes wrong. Its text form is the kind and its settings, for example
// "lost,method=Acknowledge,share=0.1" or "cut,subscription=orders,after=1m,for=10s"; flags and JSON use it.
type Fault struct {
	Kind Kind
	// Method ("Publish", one that the kind can hit) and Resource (a topic's or subscription's ID or full name) narrow it down;
	// empty means all.
	Method, Resource string
	// After is the time from setting the fault to its start; For is how long it lasts, 0 until it is removed.
	After, For time.Duration
	// Delay belongs to slow.
	Delay time.Duration
	// Share of what is drawn that is hit, 0 to 1; 0 means all.
	Share float64
}

// ErrSyntax is matched by every error of Parse.
var ErrSyntax = errors.New("not a fault")

const (
	maxLength = 1024
	maxTime   = 365 * 24 * time.Hour
)

// Parse reads the text form.
func Parse(text string) (Fault, error) {
	if len(text) > maxLength {
		return Fault{}, fmt.Errorf("%w: %d bytes are more than %d", ErrSyntax, len(text), maxLength)
	}
	kind, settings, _ := strings.Cut(text, ",")
	f := Fault{Kind: Kind(strings.TrimSpace(kind))}
	if settings != "" {
		for setting := range strings.SplitSeq(settings, ",") {
			if err := f.set(setting); err != nil {
				return Fault{}, err
			}
		}
	}
	return f, f.validate()
}

func (f *Fault) set(setting string) (err error) {
	key, value, ok := strings.Cut(strings.TrimSpace(setting), "=")
	if !ok || value == "" {
		return fmt.Errorf("%w: %q is not key=value", ErrSyntax, setting)
	}
	switch key {
	case "method":
		f.Method = value
	case "resource", "topic", "subscription":
		f.Resource = value
	case "after":
		f.After, err = time.ParseDuration(value)
	case "for":
		f.For, err = time.ParseDuration(value)
	case "delay":
		f.Delay, err = time.ParseDuration(value)
	case "share":
		f.Share, err = strconv.ParseFloat(value, 64)
	default:
		return fmt.Errorf("%w: unknown setting %q; there are method, topic, subscription, after, for, delay and share", ErrSyntax, key)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrSyntax, key, err)
	}
	return nil
}

func (f *Fault) validate() error {
	kinds := []Kind{Unavailable, Denied, Hang, Slow, Lost, Transient, Cut, HalfDead, Duplicate, Disorder}
	if !slices.Contains(kinds, f.Kind) {
		return fmt.Errorf("%w: unknown kind %q; there are %s", ErrSyntax, f.Kind, strings.Trim(fmt.Sprint(kinds), "[]"))
	}
	for _, d := range []time.Duration{f.After, f.For, f.Delay} {
		if d < 0 || d > maxTime {
			return fmt.Errorf("%w: %s is not between 0 and a year", ErrSyntax, d)
		}
	}
	if !(f.Share >= 0 && f.Share <= 1) {
		return fmt.Errorf("%w: the share %g is not between 0 and 1", ErrSyntax, f.Share)
	}
	if (f.Kind == Slow) != (f.Delay > 0) {
		return fmt.Errorf("%w: slow has a delay, and it alone", ErrSyntax)
	}
	return f.validateMethod()
}

// String returns the text form.
func (f Fault) String() string {
	text := []string{string(f.Kind)}
	add := func(set bool, key string, value any) {
		if set {
			text = append(text, fmt.Sprintf("%s=%v", key, value))
		}
	}
	add(f.Method != "", "method", f.Method)
	add(f.Resource != "", "resource", f.Resource)
	add(f.After != 0, "after", f.After)
	add(f.For != 0, "for", f.For)
	add(f.Delay != 0, "delay", f.Delay)
	add(f.Share != 0, "share", f.Share)
	return strings.Join(text, ",")
}

// MarshalText implements encoding.TextMarshaler.
func (f Fault) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *Fault) UnmarshalText(text []byte) (err error) {
	*f, err = Parse(string(text))
	return err
}
