package ask_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"

	"spillway/internal/ask"
	"spillway/internal/backlog"
)

const short = "pubsub_subscription_num_undelivered_messages"

func selector(t testing.TB, text string) labels.Selector {
	t.Helper()
	s, err := labels.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParse(t *testing.T) {
	offers, orders := backlog.Subscription{Project: "shop", ID: "offers"}, backlog.Subscription{Project: "shop", ID: "orders"}
	other := backlog.Subscription{Project: "other-shop", ID: "offers"}
	tests := []struct {
		name, selector, project string
		want                    []backlog.Subscription
		open                    []string
		reason                  ask.Reason
		says                    string
	}{
		{selector: "resource.labels.subscription_id=offers", want: []backlog.Subscription{offers}},
		{selector: "resource.labels.subscription_id==offers,resource.labels.project_id=other-shop", want: []backlog.Subscription{other}},
		{selector: "subscription_id=offers", want: []backlog.Subscription{offers}},
		{selector: "subscription_id in (orders,offers)", want: []backlog.Subscription{offers, orders}},
		{selector: "subscription_id=offers,project_id in (shop,other-shop)", want: []backlog.Subscription{other, offers}},
		{selector: "subscription_id in (orders,offers),resource.labels.subscription_id=offers", want: []backlog.Subscription{offers}},
		{selector: "subscription_id in (orders,offers),subscription_id!=orders", want: []backlog.Subscription{offers, orders}},
		{selector: "subscription_id=offers,region notin (europe-west4),resource.type=pubsub_subscription", want: []backlog.Subscription{offers}},
		{selector: "", open: []string{"shop"}},
		{selector: "subscription_id", open: []string{"shop"}},
		{selector: "subscription_id notin (offers),project_id in (shop)", open: []string{"shop"}},

		{name: "pubsub_subscription_num_undelivered_message", reason: ask.UnknownMetric, says: `Did you mean "` + short + `"?`},
		{name: "queue_length", reason: ask.UnknownMetric, says: `no metric "queue_length".`},
		{name: strings.Repeat("a", 10000), reason: ask.UnknownMetric, says: "so long a name"},
		{selector: "subscription_id=offers", project: "-", reason: ask.NoSubscription, says: "project_id"},
		{selector: "subscription_id=of", reason: ask.BadSubscription, says: "3 to 255"},
		{selector: "subscription_id=offers,project_id=SHOP", reason: ask.BadSubscription, says: "lower-case"},
		{selector: "subscription_id=offers,project_id=12345", reason: ask.BadSubscription, says: "is a number"},
		{selector: "subscription_id=offers,subscription_id=orders", reason: ask.BadSelector, says: "exclude each other"},
		{selector: "subscription_id=offers,metadata.user_labels.team=a", reason: ask.BadSelector, says: "metadata.user_labels.team"},
		{selector: "subscription_id=offers,reducer=REDUCE_SUM", reason: ask.BadSelector, says: "reducer"},
		{selector: "subscription_id=offers,resource.zone=a", reason: ask.BadSelector, says: "resource.zone"},
		{selector: "subscription_id=offers,region > 3", reason: ask.BadSelector, says: "compares"},
		{selector: "subscription_id in (" + many(1001) + ")", reason: ask.BadSelector, says: "more than 1000"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%.60s %.60s", tt.name, tt.selector), func(t *testing.T) {
			name, project := tt.name, tt.project
			if name == "" {
				name = short
			}
			switch project {
			case "":
				project = "shop"
			case "-":
				project = ""
			}
			a, err := book().Parse(name, selector(t, tt.selector), project)
			if tt.reason != "" {
				fault, ok := errors.AsType[*ask.Error](err)
				if !ok || fault.Reason != tt.reason || !strings.Contains(fault.Message, tt.says) {
					t.Fatalf("error %v, want %s about %q", err, tt.reason, tt.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, a.Subscriptions); diff != "" || a.Metric.Metric != undelivered || a.Name != name {
				t.Errorf("asks for %s as %s (-want +got):\n%s", a.Metric.Metric, a.Name, diff)
			}
			if diff := cmp.Diff(tt.open, a.Projects); diff != "" || a.Open() != (tt.open != nil) {
				t.Errorf("open: %v, projects (-want +got):\n%s", a.Open(), diff)
			}
		})
	}
}

func TestNamed(t *testing.T) {
	a, err := book().Parse(short, selector(t, "subscription_id=offers,region in (a,b),metric.labels.region!=a,unit"), "shop")
	if err != nil {
		t.Fatal(err)
	}
	regions, named := a.Named("region")
	slices.Sort(regions)
	if diff := cmp.Diff([]string{"a", "b"}, regions); diff != "" || !named {
		t.Errorf("regions named: %v (-want +got):\n%s", named, diff)
	}
	if values, named := a.Named("unit"); named || values != nil {
		t.Errorf("exists names %v", values)
	}
}

func TestParseNothing(t *testing.T) {
	_, err := book().Parse(short, labels.Nothing(), "shop")
	if fault, ok := errors.AsType[*ask.Error](err); !ok || fault.Reason != ask.BadSelector {
		t.Fatalf("error %v", err)
	}
}

func TestMatches(t *testing.T) {
	series := labels.Set{"project_id": "shop", "subscription_id": "offers", "region": "europe-west4", "unit": "1", "resource.type": "pubsub_subscription"}
	tests := []struct {
		selector string
		want     bool
	}{
		{"subscription_id=offers", true},
		{"subscription_id in (offers,orders)", true},
		{"subscription_id!=offers", false},
		{"metric.labels.region=europe-west4", true},
		{"metric.labels.region=europe-west1", false},
		{"region in (europe-west1,europe-west4)", true},
		{"metric.labels.region notin (europe-west4)", false},
		{"region", true},
		{"!region", false},
		{"delivery_type", false},
		{"delivery_type=pull", false},
		{"delivery_type!=pull", true},
		{"unit=1,resource.type=pubsub_subscription", true},
		{"resource.type=gce_instance", false},
		{"resource.labels.project_id notin (shop)", false},
	}
	for _, tt := range tests {
		a, err := book().Parse(short, selector(t, tt.selector), "shop")
		if err != nil {
			t.Errorf("%s: %v", tt.selector, err)
			continue
		}
		if got := a.Matches(series); got != tt.want {
			t.Errorf("%s matches: %v", tt.selector, got)
		}
	}
}

func TestUnselected(t *testing.T) {
	tests := []struct{ selector, says string }{
		{"", "Add the label subscription_id"},
		{"project_id=shop", "Add the label subscription_id"},
		{"resource.labels.subscripton_id=offers", `Did you mean subscription_id instead of "resource.labels.subscripton_id"?`},
		{"subscription=offers", "Did you mean subscription_id"},
		{"team=offers", "Add the label subscription_id"},
		{"subscription_id", "Add the label subscription_id"},
	}
	for _, tt := range tests {
		fault := ask.Unselected(selector(t, tt.selector))
		if fault.Reason != ask.NoSubscription || !strings.Contains(fault.Message, tt.says) {
			t.Errorf("%s: %s %q", tt.selector, fault.Reason, fault.Message)
		}
	}
}

func many(n int) string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("offers%d", i)
	}
	return strings.Join(ids, ",")
}

func FuzzParse(f *testing.F) {
	f.Add(short, "resource.labels.subscription_id=offers,resource.labels.project_id in (shop,other)", "shop")
	f.Add("pubsub.googleapis.com|subscription|num_undelivered_messages", "subscription_id notin (a),!region", "")
	f.Add("pubsub_subscription_x", `subscription_id="a" OR true`, "x")
	b := book()
	f.Fuzz(func(t *testing.T, name, text, project string) {
		s, err := labels.Parse(text)
		if err != nil {
			return
		}
		a, err := b.Parse(name, s, project)
		if err != nil {
			if fault, ok := errors.AsType[*ask.Error](err); !ok || fault.Message == "" || fault.Reason == "" {
				t.Fatalf("error %#v", err)
			}
			return
		}
		for _, sub := range a.Subscriptions {
			if again, err := backlog.ParseSubscription(sub.String(), ""); err != nil || again != sub {
				t.Fatalf("%q names %v, which is no subscription: %v", text, sub, err)
			}
		}
		if a.Open() == (len(a.Projects) == 0) {
			t.Fatalf("%q names neither subscriptions nor projects", text)
		}
	})
}
