package emulator

import (
	"errors"
	"strings"

	"spillway/internal/backlog"
)

// creation is a topic to make at start, with its subscriptions.
type creation struct {
	topic         backlog.Topic
	subscriptions []backlog.Subscription
}

// String says what is made, and in which project.
func (c creation) String() string {
	var names []string
	for _, sub := range c.subscriptions {
		name := sub.ID
		if sub.Project != c.topic.Project {
			name = sub.String()
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return "topic " + c.topic.ID + ", which has no subscription, in project " + c.topic.Project
	}
	return c.topic.ID + ":" + strings.Join(names, ",") + " in project " + c.topic.Project
}

// Created says for each of Create what it makes and in which project: "orders:billing in project demo".
func (o *Options) Created() []string {
	var texts []string
	for _, text := range o.Create {
		if c, err := parseCreate(text, o.Project); err == nil {
			texts = append(texts, c.String())
		}
	}
	return texts
}

func parseCreate(text, project string) (creation, error) {
	name, list := splitCreate(text)
	topic, err := backlog.ParseTopic(name, project)
	if err != nil {
		return creation{}, err
	}
	c := creation{topic: topic}
	if list == "" && strings.HasSuffix(text, ":") {
		return creation{}, errors.New("names no subscription after the colon")
	}
	if list == "" {
		return c, nil
	}
	for id := range strings.SplitSeq(list, ",") {
		sub, err := backlog.ParseSubscription(strings.TrimSpace(id), topic.Project)
		if err != nil {
			return creation{}, err
		}
		c.subscriptions = append(c.subscriptions, sub)
	}
	return c, nil
}

// splitCreate cuts at the colon that ends the topic; a project's domain may hold another one before it.
func splitCreate(text string) (topic, list string) {
	skip := strings.Index(text, "/topics/") + 1
	topic, list, _ = strings.Cut(text[skip:], ":")
	return text[:skip] + topic, list
}
