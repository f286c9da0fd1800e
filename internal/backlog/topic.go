package backlog

import "errors"

// ErrBadTopic is matched by every error of ParseTopic.
var ErrBadTopic = errors.New("not a topic")

// Topic names one Pub/Sub topic.
type Topic struct {
	// Project is the Google Cloud project ID or number.
	Project string
	// ID is the topic's short name.
	ID string
}

// ParseTopic reads "projects/P/topics/T", or a short ID that belongs to project. The error says which part is wrong
// and matches ErrBadTopic.
func ParseTopic(name, project string) (Topic, error) {
	project, id, err := parseName("topics", name, project, ErrBadTopic)
	return Topic{Project: project, ID: id}, err
}

// String returns the full resource name, projects/P/topics/T.
func (t Topic) String() string { return "projects/" + t.Project + "/topics/" + t.ID }
