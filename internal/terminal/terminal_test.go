package terminal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"spillway/internal/terminal"
)

func TestNeitherABufferNorAFileIsATerminal(t *testing.T) {
	if size, ok := terminal.Of(&bytes.Buffer{}); ok {
		t.Errorf("a buffer is a terminal of %v", size)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if size, ok := terminal.Of(f); ok {
		t.Errorf("a file is a terminal of %v", size)
	}
}

func TestDrawReplacesTheFrameBefore(t *testing.T) {
	size := terminal.Size{Width: 80, Height: 24}
	tests := []struct {
		name   string
		frames [][]string
		want   string
	}{
		{"the first frame does not move up", [][]string{{"a", "b"}}, "\ra\x1b[K\n\rb\x1b[K\n\x1b[J"},
		{
			"the next one goes over it",
			[][]string{{"a", "b"}, {"c", "d"}},
			"\ra\x1b[K\n\rb\x1b[K\n\x1b[J\x1b[2A\rc\x1b[K\n\rd\x1b[K\n\x1b[J",
		},
		{
			"a shorter one erases what is below",
			[][]string{{"a", "b"}, {"c"}},
			"\ra\x1b[K\n\rb\x1b[K\n\x1b[J\x1b[2A\rc\x1b[K\n\x1b[J",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			s := terminal.NewScreen(&out)
			for _, f := range tt.frames {
				if err := s.Draw(f, size); err != nil {
					t.Fatal(err)
				}
			}
			if out.String() != tt.want {
				t.Fatalf("got  %q\nwant %q", out.String(), tt.want)
			}
		})
	}
}

func TestDrawLeavesOutWhatTheTerminalIsTooLowFor(t *testing.T) {
	var out bytes.Buffer
	s := terminal.NewScreen(&out)
	if err := s.Draw([]string{"a", "b", "c"}, terminal.Size{Width: 80, Height: 3}); err != nil {
		t.Fatal(err)
	}
	if want := "\ra\x1b[K\n\rb\x1b[K\n\x1b[J"; out.String() != want {
		t.Fatalf("got %q", out.String())
	}
}

func TestClearGivesTheSpaceBack(t *testing.T) {
	var out bytes.Buffer
	s := terminal.NewScreen(&out)
	if err := s.Clear(); err != nil || out.Len() != 0 {
		t.Fatalf("clearing nothing wrote %q, %v", out.String(), err)
	}
	if err := s.Draw([]string{"a", "b"}, terminal.Size{Width: 80, Height: 24}); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := s.Clear(); err != nil || out.String() != "\x1b[2A\r\x1b[J" {
		t.Fatalf("got %q, %v", out.String(), err)
	}
	out.Reset()
	if err := s.Draw([]string{"c"}, terminal.Size{Width: 80, Height: 24}); err != nil || out.String() != "\rc\x1b[K\n\x1b[J" {
		t.Fatalf("the frame after it: %q, %v", out.String(), err)
	}
}
