package postroadtest

import (
	"sort"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// subscription is one, with the state of each of its events. Guarded by Server.mu.
type subscription struct {
	server   *Server
	name     string
	settings *pb.SubscriptionSettings
	created  time.Time
	single   string // its topic, if it has just one

	entries  []*entry // in the order of the feed
	floor    int      // entries before it are settled
	byRecord map[*record]*entry
	ready    []*entry // in the order of the feed
	inFlight map[uint64]*entry
	busy     map[string]int // unsettled deliveries and retries by key, where they are ordered
	members  []*member
	letters  []*letter
	acked    uint64
}

type state int

const (
	ready state = iota
	sent
	retrying
	acked
	dead
	filtered
	lost // to retention
)

// entry is one event of a subscription.
type entry struct {
	record   *record
	event    *pb.Event // other than the record's once a dead letter was edited
	state    state
	attempt  uint32
	attempts []*pb.Attempt
	changes  int // tells timers whether they still apply

	member   *member
	delivery uint64

	settled time.Time
	reason  string
	reply   []byte
	letter  *letter // being sent again
}

func (e *entry) isSettled() bool { return e.state >= acked }

// letter is a dead letter.
type letter struct {
	id       uint64
	entry    *entry
	died     time.Time
	reason   string
	attempts []*pb.Attempt
	resent   bool
}

var defaultSchedule = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour,
	6 * time.Hour, 24 * time.Hour, 48 * time.Hour}

// withDefaults is the settings with what the server puts in.
func withDefaults(given *pb.SubscriptionSettings) *pb.SubscriptionSettings {
	s := proto.Clone(given).(*pb.SubscriptionSettings)
	if s.MaxInFlight == 0 {
		s.MaxInFlight = 10_000
	}
	if s.AckDeadline == nil {
		s.AckDeadline = durationpb.New(30 * time.Second)
	}
	if len(s.RetrySchedule) == 0 {
		for _, d := range defaultSchedule {
			s.RetrySchedule = append(s.RetrySchedule, durationpb.New(d))
		}
	}
	return s
}

func checkSettings(s *pb.SubscriptionSettings, at string) *failure {
	if f := checkPatterns(s.GetTopics(), at+"topics"); f != nil {
		return f
	}
	if f := checkFilter(s.GetFilter(), at+"filter"); f != nil {
		return f
	}
	if _, known := pb.StartPosition_name[int32(s.GetStart())]; !known {
		return invalid(at+"start", "no start position has this number")
	}
	if _, known := pb.Ordering_name[int32(s.GetOrdering())]; !known {
		return invalid(at+"ordering", "no ordering has this number")
	}
	if s.GetStart() == pb.StartPosition_START_POSITION_OFFSET && singleTopic(s.GetTopics()) == "" {
		return invalid(at+"start", "an offset to start at needs a single topic")
	}
	if s.GetStart() == pb.StartPosition_START_POSITION_TIME && s.GetStartTime() == nil {
		return invalid(at+"start_time", "is needed")
	}
	if f := checkTime(s.GetStartTime(), at+"start_time"); f != nil {
		return f
	}
	return checkDelivery(s, at)
}

func checkDelivery(s *pb.SubscriptionSettings, at string) *failure {
	if s.GetMaxInFlight() > maxCredit {
		return invalid(at+"max_in_flight", "must be 1 to 1,000,000")
	}
	if s.GetAckDeadline() != nil {
		if f := checkDuration(s.GetAckDeadline(), 100*time.Millisecond, 24*time.Hour, at+"ack_deadline"); f != nil {
			return f
		}
	}
	if len(s.GetRetrySchedule()) > 100 {
		return invalid(at+"retry_schedule", "must have 1 to 100 entries")
	}
	for _, d := range s.GetRetrySchedule() {
		if f := checkDuration(d, 0, year, at+"retry_schedule[0]"); f != nil {
			return f
		}
	}
	if s.GetMaxAttempts() > 10_000 {
		return invalid(at+"max_attempts", "must be at most 10,000")
	}
	return nil
}

func singleTopic(topics []string) string {
	if len(topics) == 1 && !strings.Contains(topics[0], "*") {
		return topics[0]
	}
	return ""
}

// create makes a subscription; its settings are checked and whole.
func (s *Server) create(name string, settings *pb.SubscriptionSettings) *subscription {
	sub := &subscription{server: s, name: name, settings: settings, created: s.now(), single: singleTopic(settings.GetTopics())}
	s.subscriptions[name] = sub
	sub.begin(settings.GetStart(), settings.GetStartTime().AsTime(), settings.GetStartOffset())
	return sub
}

// begin forgets all state and starts anew.
func (sub *subscription) begin(start pb.StartPosition, at time.Time, offset uint64) {
	sub.entries, sub.ready, sub.floor = nil, nil, 0
	sub.byRecord, sub.inFlight, sub.busy = map[*record]*entry{}, map[uint64]*entry{}, map[string]int{}
	for _, r := range sub.server.feed {
		before := false
		switch start {
		case pb.StartPosition_START_POSITION_END:
			before = true
		case pb.StartPosition_START_POSITION_TIME:
			before = r.stored.Before(at)
		case pb.StartPosition_START_POSITION_OFFSET:
			before = r.offset < offset
		}
		if !r.gone && covers(sub.settings.GetTopics(), r.topic) {
			sub.add(r, before)
		}
	}
}

// offer takes a new event in, if it is one of its own.
func (sub *subscription) offer(r *record) {
	if covers(sub.settings.GetTopics(), r.topic) {
		sub.add(r, false)
	}
}

// add takes an event in; settled already if it comes before the start.
func (sub *subscription) add(r *record, before bool) {
	e := &entry{record: r, event: r.event}
	sub.entries = append(sub.entries, e)
	sub.byRecord[r] = e
	switch {
	case before:
		e.state = lost
	case !lets(sub.settings.GetFilter(), r.event):
		e.state = filtered
	default:
		sub.ready = append(sub.ready, e)
	}
	sub.raise()
}

// lose has an event that is gone count as settled.
func (sub *subscription) lose(r *record) {
	if e := sub.byRecord[r]; e != nil && !e.isSettled() {
		sub.leave(e, lost)
	}
	sub.raise()
}

// raise moves the floor over what is settled.
func (sub *subscription) raise() {
	for sub.floor < len(sub.entries) && sub.entries[sub.floor].isSettled() {
		sub.floor++
	}
}

// ordered says whether an event waits for others of its key.
func (sub *subscription) ordered(e *entry) bool {
	return sub.settings.GetOrdering() == pb.Ordering_ORDERING_KEY && e.event.GetKey() != ""
}

// leave changes an entry's state, and all that depends on it.
func (sub *subscription) leave(e *entry, to state) {
	switch e.state {
	case ready:
		if i := sub.placeOf(e); i < len(sub.ready) && sub.ready[i] == e {
			sub.ready = append(sub.ready[:i], sub.ready[i+1:]...)
		}
	case sent:
		delete(sub.inFlight, e.delivery)
		e.member = nil
	}
	held := e.state == sent || e.state == retrying
	holds := to == sent || to == retrying
	if sub.ordered(e) && held != holds {
		if holds {
			sub.busy[e.event.GetKey()]++
		} else {
			sub.busy[e.event.GetKey()]--
		}
	}
	e.state = to
	e.changes++
	if to == ready {
		i := sub.placeOf(e)
		sub.ready = append(sub.ready, nil)
		copy(sub.ready[i+1:], sub.ready[i:])
		sub.ready[i] = e
	}
	if e.isSettled() {
		e.settled = sub.server.now()
	}
}

func (sub *subscription) placeOf(e *entry) int {
	return sort.Search(len(sub.ready), func(i int) bool {
		return sub.ready[i].record.position >= e.record.position
	})
}

// later calls run at a time, if the entry has not changed until then.
func (sub *subscription) later(e *entry, after time.Duration, run func()) {
	changes := e.changes
	sub.server.at(sub.server.now().Add(after), func() {
		if e.changes == changes {
			run()
			sub.server.broadcast()
		}
	})
}

// send gives the member an event.
func (sub *subscription) send(e *entry, m *member) {
	sub.leave(e, sent)
	sub.server.deliveries++
	e.member, e.delivery = m, sub.server.deliveries
	e.attempt++
	sub.inFlight[e.delivery] = e
	sub.later(e, sub.settings.GetAckDeadline().AsDuration(), func() { sub.expire(e) })
}

func (sub *subscription) expire(e *entry) {
	sub.fail(e, "not acknowledged within the ack deadline", -1)
}

func (sub *subscription) ack(e *entry, reply []byte) {
	sub.leave(e, acked)
	e.reply = reply
	e.reason = ""
	sub.acked++
	if e.letter != nil {
		sub.drop(e.letter)
	}
	sub.raise()
}

// giveBack makes an event ready as if it had not been sent.
func (sub *subscription) giveBack(e *entry) {
	e.attempt--
	sub.leave(e, ready)
}

// fail is a nack: the next attempt comes after the delay, or by the schedule if that is negative.
func (sub *subscription) fail(e *entry, reason string, delay time.Duration) {
	sub.note(e, reason)
	if e.attempt >= sub.attempts() {
		sub.bury(e, reason)
		return
	}
	if schedule := sub.settings.GetRetrySchedule(); delay < 0 {
		delay = schedule[min(int(e.attempt)-1, len(schedule)-1)].AsDuration()
	}
	sub.leave(e, retrying)
	sub.later(e, delay, func() { sub.leave(e, ready) })
	sub.server.runDue()
}

// attempts is how many there are before an event is dead.
func (sub *subscription) attempts() uint32 {
	if n := sub.settings.GetMaxAttempts(); n > 0 {
		return n
	}
	return uint32(len(sub.settings.GetRetrySchedule())) + 1
}

func (sub *subscription) terminate(e *entry, reason string) {
	sub.note(e, reason)
	sub.bury(e, reason)
}

func (sub *subscription) note(e *entry, reason string) {
	e.reason = reason
	e.attempts = append(e.attempts, &pb.Attempt{
		Number: uint32(len(e.attempts)) + 1, Time: timestamppb.New(sub.server.now()), Reason: reason})
}

// bury makes a dead letter, with a copy in _dead/<subscription>.
func (sub *subscription) bury(e *entry, reason string) {
	sub.leave(e, dead)
	l := e.letter
	if l == nil {
		sub.server.lettersMade++
		l = &letter{id: sub.server.lettersMade, entry: e}
		sub.letters = append(sub.letters, l)
	}
	l.died, l.reason, l.attempts, l.resent = sub.server.now(), reason, e.attempts, false
	e.letter = nil
	sub.raise()
	sub.server.store(sub.copyOf(e, reason), sub.server.now())
}

// copyOf is what the dead letter's topic gets.
func (sub *subscription) copyOf(e *entry, reason string) *pb.Event {
	c := proto.Clone(e.event).(*pb.Event)
	c.Topic = "_dead/" + sub.name
	if c.Headers == nil {
		c.Headers = map[string]string{}
	}
	c.Headers["postroad-dead-topic"] = e.record.topic
	c.Headers["postroad-dead-offset"] = strconv.FormatUint(e.record.offset, 10)
	c.Headers["postroad-dead-reason"] = reason
	c.Headers["postroad-dead-attempts"] = strconv.Itoa(len(e.attempts))
	return c
}

func (sub *subscription) drop(l *letter) {
	for i, one := range sub.letters {
		if one == l {
			sub.letters = append(sub.letters[:i], sub.letters[i+1:]...)
			return
		}
	}
}
