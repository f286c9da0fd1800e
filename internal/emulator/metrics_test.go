package emulator

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"spillway/internal/emulator/broker"
	"spillway/internal/testenv"
)

func TestTheScrapeIsGoldenAndListed(t *testing.T) {
	b := broker.New(time.Now)
	if _, err := b.CreateTopic(&pubsubpb.Topic{Name: "projects/p/topics/orders"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.CreateSubscription(&pubsubpb.Subscription{
		Name: "projects/p/subscriptions/billing", Topic: "projects/p/topics/orders",
	}); err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(newCollector(b))
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var scrape bytes.Buffer
	var served []string
	for _, f := range families {
		served = append(served, f.GetName())
		if _, err := expfmt.MetricFamilyToText(&scrape, f); err != nil {
			t.Fatal(err)
		}
	}
	testenv.Golden(t, "testdata/metrics.golden", scrape.Bytes())

	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(emulator_[a-z_]+)` ").FindAllSubmatch(page, -1) {
		listed = append(listed, string(m[1]))
	}
	slices.Sort(listed)
	if diff := cmp.Diff(served, listed); diff != "" {
		t.Errorf("docs/metrics.md lists other series than are served (-served +listed):\n%s", diff)
	}
}

func FuzzParseCreate(f *testing.F) {
	f.Add("orders:billing,audit", "demo")
	f.Add("projects/example.com:shop/topics/orders:projects/shop/subscriptions/billing", "")
	f.Fuzz(func(t *testing.T, text, project string) {
		c, err := parseCreate(text, project)
		if err != nil {
			return
		}
		again := c.topic.String()
		for i, sub := range c.subscriptions {
			again += ":,"[min(i, 1):min(i, 1)+1] + sub.String()
		}
		if twice, err := parseCreate(again, ""); err != nil || twice.topic != c.topic || len(twice.subscriptions) != len(c.subscriptions) {
			t.Fatalf("%q reads as %v, and %q as %v, %v", text, c, again, twice, err)
		}
	})
}
