package consume

import (
	"slices"

	"github.com/spf13/pflag"

	"spillway/internal/deliver"
)

// belonging says which flows have a use for keys.
type belonging struct {
	keys []string
	fits func(*FlowOptions) bool
}

// belongings are the keys that not every flow has a use for. What a flow does not say itself it has from the top, but for these.
func belongings() []belonging {
	return []belonging{
		{[]string{"format", "target-health"}, func(o *FlowOptions) bool { return o.Target != "" }},
		{[]string{"event-source"}, func(o *FlowOptions) bool { return o.Target != "" && o.Format == deliver.CloudEvents }},
		{[]string{"work-duration", "work-cpu", "work-error-rate"}, func(o *FlowOptions) bool { return o.Handler == "work" }},
		{[]string{"pull-mode"}, func(o *FlowOptions) bool { return o.pulls() }},
		{[]string{"streams"}, func(o *FlowOptions) bool { return o.PullMode == pullStreaming }},
		{[]string{"push-audience", "push-service-account"}, func(o *FlowOptions) bool { return o.pushed() }},
	}
}

// disinherit takes from the flows what they have from the top and no use for: the handler where they name a target, the format
// where they name a handler. A default that no flow has a use for is left, and is a fault.
func (o *Options) disinherit() {
	for i := range o.Flows {
		section := o.source.file.Sections[i]
		target, handler := section.Has("target"), section.Has("handler")
		if target && !handler {
			o.reset(i, "handler")
		}
		if handler && !target {
			o.reset(i, "target")
		}
	}
	for _, b := range belongings() {
		used := b.fits(&o.FlowOptions) || slices.ContainsFunc(o.Flows, func(f FlowOptions) bool { return b.fits(&f) })
		for i := range o.Flows {
			if used && !b.fits(&o.Flows[i]) {
				o.reset(i, b.keys...)
			}
		}
	}
}

// reset gives a flow the shipped values of keys that it has from the top.
func (o *Options) reset(flow int, keys ...string) {
	shipped := defaultFlow()
	defaults, fs := pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("", pflag.ContinueOnError)
	shipped.registerFlags(defaults)
	o.Flows[flow].registerFlags(fs)
	for _, key := range keys {
		if !o.source.file.Sections[flow].Has(key) && !o.source.given.Changed(key) {
			_ = fs.Lookup(key).Value.Set(defaults.Lookup(key).DefValue) // A default is valid.
		}
	}
}
