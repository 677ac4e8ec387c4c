package postroadtest

import (
	"sort"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// record is a stored event.
type record struct {
	topic    string
	offset   uint64
	position uint64 // in the feed
	event    *pb.Event
	stored   time.Time
	gone     bool // taken by Trim, or with its topic
	deleted  bool // … with its topic
}

// topic is a log. Its records are those from offset first on.
type topic struct {
	name    string
	created time.Time
	first   uint64
	records []*record
	byID    map[string]*record
}

func (t *topic) next() uint64 { return t.first + uint64(len(t.records)) }

func (s *Server) topicNamed(name string) *topic {
	t := s.topics[name]
	if t == nil {
		t = &topic{name: name, created: s.now(), byID: map[string]*record{}}
		s.topics[name] = t
	}
	return t
}

// store appends an event, accepted at a time, to its topic and gives it to the subscriptions.
func (s *Server) store(e *pb.Event, now time.Time) *record {
	t := s.topicNamed(e.GetTopic())
	e = proto.Clone(e).(*pb.Event)
	e.Topic, e.DeliverAt = "", nil
	r := &record{topic: t.name, offset: t.next(), position: uint64(len(s.feed)), event: e, stored: now}
	t.records = append(t.records, r)
	t.byID[e.GetId()] = r
	s.feed = append(s.feed, r)
	for _, sub := range s.subscriptions {
		sub.offer(r)
	}
	return r
}

// Trim takes the topic's events before offset first away, as retention does: readers behind are told
// a gap, and in subscriptions they count as settled.
func (s *Server) Trim(name string, first uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[name]
	if t == nil || first <= t.first {
		return
	}
	first = min(first, t.next())
	for _, r := range t.records[:first-t.first] {
		s.forget(t, r)
	}
	t.records = t.records[first-t.first:]
	t.first = first
	s.broadcast()
}

func (s *Server) forget(t *topic, r *record) {
	r.gone = true
	if t.byID[r.event.GetId()] == r {
		delete(t.byID, r.event.GetId())
	}
	for _, sub := range s.subscriptions {
		sub.lose(r)
	}
}

// ChangeEpoch makes the log another incarnation, as a restored backup is: readers that come back with
// a cursor are told so, and go on from the oldest event.
func (s *Server) ChangeEpoch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
}

func (s *Server) deleteTopic(name string) *failure {
	t := s.topics[name]
	if t == nil {
		return notFound("TOPIC_NOT_FOUND", "there is no topic of this name")
	}
	for _, r := range t.records {
		s.forget(t, r)
		r.deleted = true
	}
	delete(s.topics, name)
	for key := range s.scheduled {
		if key.topic == name {
			delete(s.scheduled, key)
		}
	}
	s.deletions++
	s.deleted[name] = s.deletions
	s.broadcast()
	return nil
}

// topicNames are the topics that match, by name; all if pattern is empty.
func (s *Server) topicNames(pattern string) []string {
	var names []string
	for name := range s.topics {
		if pattern == "" || matches(pattern, name) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// startAt finds a start in a series of records by their time.
func startAt(records []*record, t time.Time) int {
	return sort.Search(len(records), func(i int) bool { return !records[i].stored.Before(t) })
}
