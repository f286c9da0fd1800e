package backlog_test

import (
	"errors"
	"strings"
	"testing"

	"spillway/internal/backlog"
)

func TestParseTopic(t *testing.T) {
	tests := []struct {
		name, project string
		want          backlog.Topic
		problem       string
	}{
		{name: "projects/shop/topics/offers", want: backlog.Topic{Project: "shop", ID: "offers"}},
		{name: "projects/other/topics/offers", project: "shop", want: backlog.Topic{Project: "other", ID: "offers"}},
		{name: "offers", project: "shop", want: backlog.Topic{Project: "shop", ID: "offers"}},
		{name: "", project: "shop", problem: "empty"},
		{name: "offers", problem: "needs a project"},
		{name: "of", project: "shop", problem: "3 to 255"},
		{name: "projects/shop/subscriptions/offers", problem: "want projects/P/topics/T or a short ID"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := backlog.ParseTopic(tt.name, tt.project)
			if tt.problem == "" {
				if err != nil || got != tt.want {
					t.Fatalf("got %v, %v; want %v", got, err, tt.want)
				}
				if again, err := backlog.ParseTopic(got.String(), ""); err != nil || again != got {
					t.Fatalf("%s reads back as %v, %v", got, again, err)
				}
				return
			}
			if !errors.Is(err, backlog.ErrBadTopic) || !strings.Contains(err.Error(), tt.problem) {
				t.Fatalf("error %v, want one about %q", err, tt.problem)
			}
		})
	}
}
