package export

import "strings"

// level is one of Pub/Sub's levels: its metric type, its unit as Monitoring describes it, what it means.
type level struct{ metric, unit, help string }

// name returns "pubsub_subscription_num_undelivered_messages" for the type
// "pubsub.googleapis.com/subscription/num_undelivered_messages".
func (l level) name() string { return "pubsub_subscription_" + l.short() }

// short returns the type's last part.
func (l level) short() string { return l.metric[strings.LastIndexByte(l.metric, '/')+1:] }

// stackdriverName returns the name that stackdriver_exporter gives the level. It joins that exporter's prefix, the
// resource type and the metric type, with an underscore for everything that is neither letter nor digit.
func (l level) stackdriverName() string {
	return "stackdriver_pubsub_subscription_" + strings.NewReplacer(".", "_", "/", "_").Replace(l.metric)
}
