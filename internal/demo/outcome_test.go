package demo

import (
	"errors"
	"testing"
)

func TestOutcome(t *testing.T) {
	gone := errors.New("the emulator is gone")
	tests := []struct {
		name    string
		ended   error
		frame   Frame
		missing []string
		want    string
	}{
		{"all is well", nil, Frame{}, nil, ""},
		{"duplicates are allowed", nil, Frame{Counts: Counts{Duplicated: 1}}, nil, ""},
		{"lost", nil, Frame{Lost: 2}, []string{"17", "19"}, "lost messages: 2, among them 17, 19"},
		{"not published", nil, Frame{Failed: 3}, nil, "messages not published: 3"},
		{"a worker died", nil, Frame{Faults: []string{"worker-1 ended by itself"}}, nil, "worker-1 ended by itself"},
		{"interrupted", ErrInterrupted, Frame{}, []string{"17"}, "interrupted"},
		{"interrupted after a loss", ErrInterrupted, Frame{Lost: 1}, []string{"17"}, "lost messages: 1, among them 17"},
		{"everything", gone, Frame{Lost: 1, Failed: 1}, []string{"17"}, "the emulator is gone\nlost messages: 1, among them 17\nmessages not published: 1"},
	}
	for _, tt := range tests {
		got := ""
		if err := outcome(tt.ended, tt.frame, tt.missing); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	if err := join(ErrInterrupted, gone); errors.Is(err, ErrInterrupted) || !errors.Is(err, gone) {
		t.Errorf("an interruption hides %v", err)
	}
}

func TestUnrest(t *testing.T) {
	calm := Frame{Backlog: messagesOf(0), Replicas: Replicas{Wanted: 2, Serving: 2}}
	tests := []struct {
		name   string
		change func(*Frame)
		calm   bool
	}{
		{"calm", func(*Frame) {}, true},
		{"lost messages do not come any more", func(f *Frame) { f.Counts.Waiting, f.Lost = 2, 2 }, true},
		{"a backlog", func(f *Frame) { f.Backlog = messagesOf(1) }, false},
		{"an unknown backlog", func(f *Frame) { f.Backlog = Level{} }, false},
		{"a message that waits", func(f *Frame) { f.Counts.Waiting = 1 }, false},
		{"too many replicas", func(f *Frame) { f.Replicas.Wanted = 3 }, false},
		{"a worker that does not serve", func(f *Frame) { f.Replicas.Serving = 1 }, false},
		{"a worker that drains", func(f *Frame) { f.Replicas.Draining = 1 }, false},
	}
	for _, tt := range tests {
		f := calm
		tt.change(&f)
		if got := unrest(f); (got == "") != tt.calm {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}
