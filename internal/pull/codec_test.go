package pull

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/mem"
)

func TestJoin(t *testing.T) {
	for _, parts := range [][]string{{}, {""}, {"a"}, {"ab", "", "c"}} {
		var data mem.BufferSlice
		var want []byte
		for _, p := range parts {
			data = append(data, mem.SliceBuffer(p))
			want = append(want, p...)
		}
		if got := join(data); !bytes.Equal(got, want) {
			t.Errorf("%q joined are %q", parts, got)
		}
	}
}
