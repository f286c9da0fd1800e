package main

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"
)

func TestSummary(t *testing.T) {
	tests := []struct {
		name   string
		events string
		want   string
		green  bool
	}{
		{
			name: "a package that passes is one line",
			events: `{"Action":"start","Package":"a"}
{"Action":"run","Package":"a","Test":"TestX"}
{"Action":"output","Package":"a","Test":"TestX","Output":"chatter\n"}
{"Action":"pass","Package":"a","Test":"TestX","Elapsed":0.1}
{"Action":"output","Package":"a","Output":"PASS\n"}
{"Action":"output","Package":"a","Output":"ok  \ta\t0.1s\n"}
{"Action":"pass","Package":"a","Elapsed":0.1}
`,
			want:  "ok  \ta\t0.1s\n1 passed, 0 failed, 0 skipped\n",
			green: true,
		},
		{
			name: "a failed test shows its output, its package its end",
			events: `{"Action":"output","Package":"a","Test":"TestX","Output":"=== RUN   TestX\n"}
{"Action":"output","Package":"a","Test":"TestX","Output":"    x_test.go:3: got 1, want 2\n"}
{"Action":"fail","Package":"a","Test":"TestX"}
{"Action":"pass","Package":"a","Test":"TestY"}
{"Action":"output","Package":"a","Output":"FAIL\ta\t0.1s\n"}
{"Action":"fail","Package":"a"}
`,
			want: "=== RUN   TestX\n    x_test.go:3: got 1, want 2\nFAIL\ta\t0.1s\n1 passed, 1 failed, 0 skipped\n",
		},
		{
			name: "a skipped test shows its reason",
			events: `{"Action":"output","Package":"a","Test":"TestX","Output":"=== RUN   TestX\n"}
{"Action":"output","Package":"a","Test":"TestX","Output":"    x_test.go:3: SKIP-VISIBLE: no Java\n"}
{"Action":"output","Package":"a","Test":"TestX","Output":"--- SKIP: TestX (0.00s)\n"}
{"Action":"skip","Package":"a","Test":"TestX"}
{"Action":"output","Package":"a","Test":"TestY","Output":"=== RUN   TestY\n"}
{"Action":"skip","Package":"a","Test":"TestY"}
`,
			want: "SKIP\ta\tTestX: x_test.go:3: SKIP-VISIBLE: no Java\nSKIP\ta\tTestY: no reason given\n" +
				"0 passed, 0 failed, 2 skipped\n",
			green: true,
		},
		{
			name: "a package without tests says nothing",
			events: `{"Action":"output","Package":"a","Output":"?   \ta\t[no test files]\n"}
{"Action":"skip","Package":"a"}
`,
			want:  "0 passed, 0 failed, 0 skipped\n",
			green: true,
		},
		{
			name: "a package that does not build is a failure",
			events: `{"ImportPath":"a","Action":"build-output","Output":"# a\n"}
{"ImportPath":"a","Action":"build-output","Output":"a.go:1: undefined: b\n"}
{"ImportPath":"a","Action":"build-fail"}
{"Action":"output","Package":"a","Output":"FAIL\ta [build failed]\n"}
{"Action":"fail","Package":"a","FailedBuild":"a"}
`,
			want: "# a\na.go:1: undefined: b\nFAIL\ta [build failed]\n0 passed, 1 failed, 0 skipped\n",
		},
		{
			name: "a binary that dies shows what its test had written",
			events: `{"Action":"output","Package":"a","Test":"TestX","Output":"panic: no\n"}
{"Action":"output","Package":"b","Test":"TestZ","Output":"of another package\n"}
{"Action":"fail","Package":"a"}
`,
			want: "panic: no\n0 passed, 1 failed, 0 skipped\n",
		},
		{
			name:   "what is no event passes through",
			events: "go: downloading x\n{}\n",
			want:   "go: downloading x\n{}\n0 passed, 0 failed, 0 skipped\n",
			green:  true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			s := newSummary(&out)
			if err := s.read(strings.NewReader(tt.events)); err != nil {
				t.Fatal(err)
			}
			if green := s.end(); green != tt.green {
				t.Errorf("green is %v, want %v", green, tt.green)
			}
			if out.String() != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", out.String(), tt.want)
			}
		})
	}
}

func TestSummaryReportsABrokenPipe(t *testing.T) {
	broken := errors.New("broken")
	if err := newSummary(new(strings.Builder)).read(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Fatalf("reading: %v", err)
	}
}
