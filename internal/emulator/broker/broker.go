package broker

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/proto"

	"spillway/internal/emulator/wire"
)

// Broker is all topics and subscriptions. Its methods are safe for concurrent use.
type Broker struct {
	now func() time.Time
	ids atomic.Uint64 // the last message id given

	mu     sync.RWMutex
	uids   uint32 // the last subscription uid given
	topics map[string]*Topic
	subs   map[string]*Subscription
}

// New makes an empty broker. Message and ack ids continue from now, so that those of an earlier broker are not met again.
func New(now func() time.Time) *Broker {
	b := &Broker{now: now, topics: map[string]*Topic{}, subs: map[string]*Subscription{}}
	start := now()
	b.ids.Store(uint64(max(start.UnixMilli(), 0)) * 1000)
	b.uids = uint32(start.UnixNano() / int64(time.Millisecond)) //nolint:gosec // the low bits are what is wanted
	return b
}

// nextID reserves n consecutive message ids and returns the first.
func (b *Broker) nextID(n int) uint64 { return b.ids.Add(uint64(n)) - uint64(n) + 1 } //nolint:gosec // a count

// CreateTopic makes a topic; the configuration is validated and not kept.
func (b *Broker) CreateTopic(config *pubsubpb.Topic) (*Topic, error) {
	config = proto.CloneOf(config)
	if err := validateTopic(config); err != nil {
		return nil, err
	}
	config.State = pubsubpb.Topic_ACTIVE
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.topics[config.GetName()] != nil {
		return nil, alreadyExists(config.GetName())
	}
	t := newTopic(b, config)
	b.topics[t.name] = t
	return t, nil
}

// Topic finds a topic by its full name.
func (b *Broker) Topic(name string) (*Topic, error) {
	if err := TopicName("topic", name); err != nil {
		return nil, err
	}
	if t := b.topic(name); t != nil {
		return t, nil
	}
	return nil, notFound(name)
}

func (b *Broker) topic(name string) *Topic {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.topics[name]
}

// Topics lists the topics of a project by name; the empty project means all.
func (b *Broker) Topics(project string) []*Topic {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return ofProject(b.topics, project)
}

// DeleteTopic removes a topic. Its subscriptions keep their backlog and report DeletedTopic.
func (b *Broker) DeleteTopic(name string) error {
	t, err := b.Topic(name)
	if err != nil {
		return err
	}
	b.mu.Lock()
	delete(b.topics, name)
	b.mu.Unlock()
	for _, s := range t.Subscriptions() {
		t.detach(s)
		err = errors.Join(err, s.orphan())
	}
	return err
}

// Publish validates the messages and gives them to the topic's subscriptions. It returns the first of their consecutive ids.
func (b *Broker) Publish(topic string, messages []wire.Message) (first uint64, err error) {
	t, err := b.Topic(topic)
	if err != nil {
		return 0, err
	}
	if err := validateMessages(messages); err != nil {
		t.Rejected(codeOf(err))
		return 0, err
	}
	return t.publish(messages), nil
}

// Subscription finds a subscription by its full name.
func (b *Broker) Subscription(name string) (*Subscription, error) {
	if err := SubscriptionName("subscription", name); err != nil {
		return nil, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if s := b.subs[name]; s != nil {
		return s, nil
	}
	return nil, notFound(name)
}

// Subscriptions lists the subscriptions of a project by name; the empty project means all.
func (b *Broker) Subscriptions(project string) []*Subscription {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return ofProject(b.subs, project)
}

// Tick lets everything happen that is due: expiries, ends of back-offs, retention.
func (b *Broker) Tick() {
	for _, s := range b.Subscriptions("") {
		s.Tick()
	}
}

func ofProject[T any](all map[string]T, project string) []T {
	var found []T
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if project == "" || strings.HasPrefix(name, "projects/"+project+"/") {
			found = append(found, all[name])
		}
	}
	return found
}
