package monitoring

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestOptionsReportEverythingThatIsWrong(t *testing.T) {
	many := make([]string, maxRegions+1)
	for i := range many {
		many[i] = strconv.Itoa(i)
	}
	tests := map[string]struct {
		opts Options
		want []string
	}{
		"none":            {Options{}, nil},
		"all set":         {Options{SamplePeriod: time.Second, VisibilityDelay: NoDelay, Speed: 20, Regions: []string{"a", "b"}, Window: 1, MaxPoints: 1, Seed: 1}, nil},
		"period":          {Options{SamplePeriod: -time.Second}, []string{"sample period -1s must be at least 1ms"}},
		"tiny period":     {Options{SamplePeriod: time.Microsecond}, []string{"at least 1ms"}},
		"delay":           {Options{VisibilityDelay: -time.Second}, []string{"visibility delay -1s"}},
		"unknown metric":  {Options{Metrics: map[string]Timing{"colour": {}}}, []string{`unknown metric "colour"`}},
		"metric's timing": {Options{Metrics: map[string]Timing{"backlog_bytes": {-1, -2}}}, []string{"metric backlog_bytes: sample period"}},
		"speed":           {Options{Speed: -1}, []string{"speed -1"}},
		"no speed":        {Options{Speed: math.NaN()}, []string{"speed NaN must be at least 0.001"}},
		"tiny speed":      {Options{Speed: 1e-300}, []string{"speed 1e-300"}},
		"endless period":  {Options{SamplePeriod: 9999 * time.Hour}, []string{"at most 24h"}},
		"endless delay":   {Options{VisibilityDelay: 9999 * time.Hour}, []string{"at most 24h"}},
		"window":          {Options{Window: -1}, []string{"window"}},
		"points":          {Options{MaxPoints: -1}, []string{"points"}},
		"region twice":    {Options{Regions: []string{"a", "a"}}, []string{`region "a"`}},
		"empty region":    {Options{Regions: []string{""}}, []string{`region ""`}},
		"no region":       {Options{Regions: []string{"a", "eu west"}}, []string{`region "eu west" is not small letters, digits and hyphens`}},
		"many regions":    {Options{Regions: many}, []string{"65 regions"}},
		"several":         {Options{SamplePeriod: -1, Speed: -1, Regions: []string{""}}, []string{"sample period", "speed", "region"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.opts.Validate()
			if (err != nil) != (test.want != nil) {
				t.Fatalf("error %v, want %q", err, test.want)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
		})
	}
}

func TestMetricNamesAreUnambiguous(t *testing.T) {
	metrics := catalogue()
	for _, m := range metrics {
		_, bare, _ := strings.Cut(m.name, "/")
		for _, name := range []string{bare, m.name, m.fullType()} {
			if i := slices.IndexFunc(metrics, func(other *metric) bool { return other.named(name) }); metrics[i] != m {
				t.Errorf("%q names %s as well as %s", name, metrics[i].name, m.name)
			}
		}
	}
}
