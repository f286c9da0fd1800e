package fleet

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const busyPage = `# HELP pubsub_worker_messages_in_flight Handlers running now.
# TYPE pubsub_worker_messages_in_flight gauge
pubsub_worker_messages_in_flight{subscription="offers"} 19
pubsub_worker_concurrency_limit{subscription="offers"} 20
pubsub_worker_first_deliveries_total{subscription="offers"} 1000
pubsub_worker_messages_settled_total{reason="ok",result="ack",subscription="offers"} 900
pubsub_worker_messages_settled_total{reason="verdict",result="drop",subscription="offers"} 5
pubsub_worker_messages_settled_total{reason="verdict",result="dead_letter",subscription="offers"} 6
pubsub_worker_messages_settled_total{reason="status_5xx",result="nack",subscription="offers"} 7
pubsub_worker_messages_settled_total{reason="unavailable",result="delayed_nack",subscription="offers"} 8
pubsub_worker_messages_settled_total{reason="shutdown",result="nack",subscription="offers"} 100
pubsub_worker_handler_duration_seconds_sum{result="ack",subscription="offers"} 90.5
pubsub_worker_handler_duration_seconds_sum{result="nack",subscription="offers"} 4000
pubsub_worker_frontier_timestamp_seconds{subscription="offers"} 1.7642412e+09
pubsub_worker_last_message_timestamp_seconds{subscription="offers"} 1.76424125e+09
pubsub_worker_stream_connected{subscription="offers"} 1
pubsub_worker_paused{subscription="offers"} 1
pubsub_worker_draining{subscription="offers"} 1
pubsub_worker_messages_in_flight{subscription="orders"} 2
pubsub_worker_messages_settled_total{reason="ok",result="ack",subscription="orders"} 11
process_cpu_seconds_total 12.5
pubsub_worker_cpu_limit_cores 0.5
process_start_time_seconds 1.764e+09
http_requests_total{method="GET"} NaN is not looked at
`

func parsePage(t *testing.T, text string) *Page {
	t.Helper()
	var p Page
	if err := p.Parse([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return &p
}

func TestAPage(t *testing.T) {
	p := parsePage(t, busyPage)
	want := &Flow{
		Subscription: "offers", InFlight: 19, Slots: 20, Delivered: 1000, Left: 911, Acked: 900, Nacked: 15, AckedSeconds: 90.5,
		Frontier: 1.7642412e9, Last: 1.76424125e9, Connected: 1, Paused: 1, Draining: 1,
	}
	if diff := cmp.Diff([]string{"offers", "orders"}, p.Subscriptions()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, p.Flow("offers"), cmpopts.IgnoreUnexported(Flow{})); diff != "" {
		t.Error(diff)
	}
	if p.AllAcked() != 911 || p.CPUSeconds != 12.5 || p.CPULimit != 0.5 || p.Started != 1.764e9 {
		t.Errorf("the process: %v acked, %v s, %v cores, since %v", p.AllAcked(), p.CPUSeconds, p.CPULimit, p.Started)
	}
	if p.Flow("stock") != nil {
		t.Error("a subscription that is not there")
	}
}

func TestWhatAPageMayLookLike(t *testing.T) {
	tests := []struct{ name, text string }{
		{"other labels are added up", "pubsub_worker_messages_in_flight{shard=\"a\",subscription=\"offers\"} 3\npubsub_worker_messages_in_flight{shard=\"b\",subscription=\"offers\"} 4\n"},
		{"blanks and tabs", " \tpubsub_worker_messages_in_flight \t{ subscription = \"offers\" , } \t 7 \t 1764241200000\n"},
		{"no newline at the end", `pubsub_worker_messages_in_flight{subscription="offers"} 7`},
		{"Windows' line ends elsewhere", "http_requests_total 5\r\npubsub_worker_messages_in_flight{subscription=\"offers\"} 7\n"},
		{"escapes", `pubsub_worker_messages_in_flight{why="a\\b\"}\n",subscription="offers"} 7` + "\n"},
		{"exponents", "pubsub_worker_messages_in_flight{subscription=\"offers\"} 0.7e1\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if f := parsePage(t, tt.text).Flow("offers"); f == nil || f.InFlight != 7 {
				t.Fatalf("%+v", f)
			}
		})
	}
}

func TestALineThatCannotBeRead(t *testing.T) {
	for _, text := range []string{
		`pubsub_worker_messages_in_flight{subscription="offers"}`, `pubsub_worker_messages_in_flight{subscription="offers"} many`,
		`pubsub_worker_messages_in_flight{subscription="offers} 7`, `pubsub_worker_messages_in_flight{subscription} 7`,
		`pubsub_worker_messages_in_flight{subscription="a\x"} 7`, `pubsub_worker_messages_in_flight{subscription="a"b="c"} 7`,
		`pubsub_worker_messages_in_flight{subscription="offers"} 0x1p4`, `pubsub_worker_messages_in_flight{`,
	} {
		var p Page
		if err := p.Parse([]byte("\n" + text + "\n")); err == nil || !strings.Contains(err.Error(), "line 2: pubsub_worker_messages_in_flight") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAPageOfTooManySubscriptions(t *testing.T) {
	var text strings.Builder
	for i := range maxFlows + 1 {
		fmt.Fprintf(&text, "pubsub_worker_messages_in_flight{subscription=\"s%d\"} 1\n", i)
	}
	var p Page
	if err := p.Parse([]byte(text.String())); err == nil {
		t.Fatal("it is read")
	}
}

// TestASecondPageForgetsTheFirst: the memory is the same.
func TestASecondPageForgetsTheFirst(t *testing.T) {
	p := parsePage(t, busyPage)
	if err := p.Parse([]byte("pubsub_worker_messages_in_flight{subscription=\"orders\"} 3\n")); err != nil {
		t.Fatal(err)
	}
	if p.Flow("offers") != nil || p.Flow("orders").InFlight != 3 || p.CPUSeconds != 0 {
		t.Fatalf("%+v", p)
	}
}

func TestReadingAgainAllocatesNothing(t *testing.T) {
	p, text := parsePage(t, busyPage), []byte(busyPage)
	if n := testing.AllocsPerRun(100, func() {
		if p.Parse(text) != nil {
			t.Fatal("it cannot be read")
		}
	}); n > 0 {
		t.Errorf("%v allocations a page", n)
	}
}

// TestTheWorkersOwnPage holds the parser against the ordinary one on what our worker serves.
func TestTheWorkersOwnPage(t *testing.T) {
	text, err := os.ReadFile("../consume/testdata/metrics.golden")
	if err != nil {
		t.Fatal(err)
	}
	p := parsePage(t, string(text))
	if f := p.Flow("offers"); f == nil || f.seen != required|ackedSeconds|last|connected|paused|draining {
		t.Errorf("our worker's page lacks something: %+v", f)
	}
	compare(t, text, p)
}

// compare holds a page against what the ordinary parser makes of the same text.
func compare(t *testing.T, text []byte, p *Page) {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Skip(err)
	}
	want := reference(families)
	for i := range p.flows {
		f := &p.flows[i]
		if f.seen == 0 {
			continue
		}
		if diff := cmp.Diff(want.flow([]byte(f.Subscription)), f, cmpopts.IgnoreUnexported(Flow{}), cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("(-ordinary +ours) %s", diff)
		}
	}
	for i := range want.flows {
		if w := &want.flows[i]; w.seen != 0 && p.Flow(w.Subscription) == nil {
			t.Errorf("%q is not on our page", w.Subscription)
		}
	}
	if got, ordinary := []float64{p.CPUSeconds, p.CPULimit, p.Started}, []float64{want.CPUSeconds, want.CPULimit, want.Started}; !cmp.Equal(got, ordinary) {
		t.Errorf("the process is %v, ordinarily %v", got, ordinary)
	}
}

// reference makes a page of families.
func reference(families map[string]*dto.MetricFamily) *Page {
	p := &Page{}
	put := func(name string, m *dto.Metric, v float64) {
		var l labels
		for _, pair := range m.GetLabel() {
			l.put([]byte(pair.GetName()), []byte(pair.GetValue()))
		}
		_ = p.put([]byte(name), &l, v)
	}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			switch {
			case m.GetHistogram() != nil:
				name = family.GetName() + "_sum"
				if seriesOf([]byte(name)) != 0 {
					put(name, m, m.GetHistogram().GetSampleSum())
				}
			case seriesOf([]byte(name)) == 0 && name != cpuSeconds && name != cpuLimit && name != started:
			default:
				put(name, m, m.GetGauge().GetValue()+m.GetCounter().GetValue()+m.GetUntyped().GetValue())
			}
		}
	}
	for _, v := range [...]*float64{&p.CPUSeconds, &p.CPULimit, &p.Started} {
		if !(*v >= 0 && *v <= 1e15) || math.IsNaN(*v) {
			*v = 0
		}
	}
	return p
}

// FuzzPage holds the parser against the ordinary one wherever that can read the text. Names in quotes, which ours does not read, and
// histograms, of which the ordinary one keeps a repeated sum once, are left out.
func FuzzPage(f *testing.F) {
	f.Add([]byte(busyPage))
	f.Add([]byte("pubsub_worker_paused{subscription=\"a\",a=\"b\\\\\\\"\"} +Inf 5\npubsub_worker_paused{subscription=\"a\"} -1e-3\n"))
	f.Add([]byte("\tpubsub_worker_messages_settled_total { result=\"ack\" ,subscription = \"a\", } 0007\nprocess_cpu_seconds_total 5\n"))
	quotedName := regexp.MustCompile(`[{,][ \t]*"`)
	f.Fuzz(func(t *testing.T, text []byte) {
		var p Page
		err := p.Parse(text)
		if quotedName.Match(text) || bytes.Contains(text, []byte("histogram")) || bytes.Contains(text, []byte("summary")) {
			return
		}
		if err != nil {
			parser := expfmt.NewTextParser(model.UTF8Validation)
			if _, ordinary := parser.TextToMetricFamilies(bytes.NewReader(text)); ordinary == nil {
				t.Fatalf("%v, and the ordinary parser reads it", err)
			}
			return
		}
		compare(t, text, &p)
	})
}

func BenchmarkPage(b *testing.B) {
	text, err := os.ReadFile("../consume/testdata/metrics.golden")
	if err != nil {
		b.Fatal(err)
	}
	var p Page
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
