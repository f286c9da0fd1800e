package broker

import (
	"errors"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

func newTopic(b *Broker, config *pubsubpb.Topic) *Topic {
	return &Topic{broker: b, name: config.GetName(), config: config, sends: map[codes.Code]int64{}}
}

// CreateSubscription makes a subscription that receives what is published from now on. The configuration is validated,
// completed with the service's defaults, and not kept.
func (b *Broker) CreateSubscription(config *pubsubpb.Subscription) (*Subscription, error) {
	config = proto.CloneOf(config)
	matches, err := validateSubscription(config)
	if err != nil {
		return nil, err
	}
	t, err := b.Topic(config.GetTopic())
	if err != nil {
		return nil, err
	}
	if err := b.checkDeadLetter(config); err != nil {
		return nil, err
	}
	complete(config, t)
	b.mu.Lock()
	if b.subs[config.GetName()] != nil {
		b.mu.Unlock()
		return nil, alreadyExists(config.GetName())
	}
	b.uids++
	s := &Subscription{
		broker: b, name: config.GetName(), uid: b.uids, config: config, keys: map[string]*orderKey{},
		policy: newPolicy(config, config.GetTopicMessageRetentionDuration().AsDuration(), matches),
	}
	b.subs[s.name] = s
	b.mu.Unlock()
	t.attach(s)
	return s, nil
}

// DeleteSubscription removes a subscription with its messages and ends its streams with NotFound.
func (b *Broker) DeleteSubscription(name string) error {
	s, err := b.remove(name)
	if err != nil {
		return err
	}
	if t := b.topic(s.Config().GetTopic()); t != nil {
		t.detach(s)
	}
	s.end(notFound(name))
	return nil
}

func (b *Broker) remove(name string) (*Subscription, error) {
	s, err := b.Subscription(name)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.subs[name] != s {
		return nil, notFound(name)
	}
	delete(b.subs, name)
	return s, nil
}

// DetachSubscription cuts a subscription off from its topic: its messages are dropped and pulling fails.
func (b *Broker) DetachSubscription(name string) error {
	s, err := b.Subscription(name)
	if err != nil {
		return err
	}
	if t := b.topic(s.Config().GetTopic()); t != nil {
		t.detach(s)
	}
	if err := s.edit(func(c *pubsubpb.Subscription) error { c.Detached = true; return nil }); err != nil {
		return err
	}
	s.end(status.Errorf(codes.FailedPrecondition, "Subscription %s is detached from its topic.", name))
	return nil
}

// UpdateTopic replaces a topic's configuration by one that f makes from a copy of it.
func (b *Broker) UpdateTopic(name string, f func(*pubsubpb.Topic) error) (*Topic, error) {
	t, err := b.Topic(name)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	config := proto.CloneOf(t.config)
	if err := f(config); err != nil {
		return nil, err
	}
	if err := validateTopic(config); err != nil {
		return nil, err
	}
	t.config = config
	for _, s := range t.subs {
		err = errors.Join(err, s.edit(func(c *pubsubpb.Subscription) error {
			c.TopicMessageRetentionDuration = config.GetMessageRetentionDuration()
			return nil
		}))
	}
	return t, err
}

// UpdateSubscription replaces a subscription's configuration by one that f makes from a copy of it.
func (b *Broker) UpdateSubscription(name string, f func(*pubsubpb.Subscription) error) (*Subscription, error) {
	s, err := b.Subscription(name)
	if err != nil {
		return nil, err
	}
	return s, s.edit(func(c *pubsubpb.Subscription) error {
		if err := f(c); err != nil {
			return err
		}
		if _, err := validateSubscription(c); err != nil {
			return err
		}
		defaults(c)
		return b.checkDeadLetter(c)
	})
}

// edit replaces the configuration by an edited copy and takes the policy from it; the filter cannot change.
func (s *Subscription) edit(f func(*pubsubpb.Subscription) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	config := proto.CloneOf(s.config)
	if err := f(config); err != nil {
		return err
	}
	s.config = config
	s.policy = newPolicy(config, config.GetTopicMessageRetentionDuration().AsDuration(), s.policy.matches)
	s.nextTrim = 0
	s.due.Store(0)
	return nil
}

func (s *Subscription) orphan() error {
	return s.edit(func(c *pubsubpb.Subscription) error { c.Topic = DeletedTopic; return nil })
}

func (b *Broker) checkDeadLetter(config *pubsubpb.Subscription) error {
	d := config.GetDeadLetterPolicy()
	if d == nil {
		return nil
	}
	if err := TopicName("dead_letter_policy.dead_letter_topic", d.GetDeadLetterTopic()); err != nil {
		return err
	}
	if b.topic(d.GetDeadLetterTopic()) == nil {
		return notFound(d.GetDeadLetterTopic())
	}
	return nil
}
